#include <sqlite3.h>

#ifdef __linux__
#include <sys/types.h>
/* glibc and musl show this only to C code compiled with _GNU_SOURCE. */
int fallocate(int descriptor, int mode, off_t offset, off_t length);
#endif
