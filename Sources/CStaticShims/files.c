#include "CStaticShims.h"

#include <limits.h>
#include <sys/resource.h>

long speem_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return LONG_MAX;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    // Darwin allows less than its hard limit says.
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = soft;
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > LONG_MAX ? LONG_MAX : (long)limit.rlim_cur;
}
