#include "CStaticShims.h"

#ifdef __linux__
// While it starts, the Swift runtime looks for its backtracer program next to its own library, finds out where that is
// by reading /proc, and ends the program when there is no /proc. This program is static and alone: there is no such
// library, no backtracer, and in a chroot no /proc. So the runtime's question is answered here: there is none.
char *swift_copyAuxiliaryExecutablePath(const char *name) {
    (void)name;
    return 0;
}
#endif
