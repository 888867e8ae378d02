#include "CStaticShims.h"

#ifdef __linux__
// libdispatch keeps a list of its worker threads, and looks every second in /proc whether they are blocked, so that it
// can start more of them. It ends the program where there is no /proc (a chroot), and it wakes an idle board once a
// second. Nothing of ours blocks a thread of the pool: the event loops and the store have threads of their own. So the
// list is not kept, and nobody looks. (Its two functions are all of libdispatch's workqueue.c that the rest calls.)
void _dispatch_workq_worker_register(void *queue) { (void)queue; }
void _dispatch_workq_worker_unregister(void *queue) { (void)queue; }
#endif
