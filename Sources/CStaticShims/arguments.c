#include "CStaticShims.h"

#ifdef __linux__
static int count;
static char **vector;

// glibc hands the arguments of main to every constructor.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    count = argc;
    vector = argv;
}

int speem_argument_count(void) { return count; }
const char *speem_argument(int index) { return index >= 0 && index < count ? vector[index] : 0; }
#endif
