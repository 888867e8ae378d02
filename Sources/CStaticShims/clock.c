#include "CStaticShims.h"

#ifdef __linux__
#include <sys/timex.h>

int speem_clock_is_synchronised(void) {
    struct timex state = {0};
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}
#else
int speem_clock_is_synchronised(void) { return 1; }
#endif
