#include "CStaticShims.h"

#ifdef __linux__
#include <errno.h>
#include <sys/timex.h>
#include <unistd.h>

int speem_clock_is_synchronised(void) {
    struct timex state = {0};
    if (adjtimex(&state) >= 0)
        return !(state.status & STA_UNSYNC);
    // A sandbox that keeps the clock from being set keeps it from being asked, too: systemd-timesyncd leaves this file.
    return errno == EPERM && access("/run/systemd/timesync/synchronized", F_OK) == 0 ? 2 : 0;
}
#else
int speem_clock_is_synchronised(void) { return 1; }
#endif
