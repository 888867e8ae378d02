#ifndef SPEEM_CSTATICSHIMS_H
#define SPEEM_CSTATICSHIMS_H

// libdbus-1.a refers to two functions of libsystemd from its server side, which a client never calls.
// Debian has no static libsystemd, so they are defined here and answer "not started by systemd".
int sd_listen_fds(int unset_environment);
int sd_is_socket(int fd, int family, int type, int listening);

// The version of the libavahi-client that this program was linked with, "unknown" where the build did not say it. The
// library has no function for it, and its headers no macro.
const char *speem_avahi_client_version(void);

// Not 0 when something (NTP) has set the clock since boot: 1 where the kernel says so, 2 where it may not be asked and
// systemd-timesyncd has left word. Here because the Glibc module does not show adjtimex.
int speem_clock_is_synchronised(void);

// Raises the soft limit of open files to the hard one, and returns what it is then. Here because RLIMIT_NOFILE and
// rlim_t have other types on each system.
long speem_raise_file_limit(void);

#ifdef __linux__
// The command line. Here because Swift's CommandLine reads it from /proc, which a chroot may not have.
int speem_argument_count(void);
const char *speem_argument(int index);

// A descriptor that becomes readable when a network interface or an address comes or goes (netlink(7)), not blocking; -1
// where the system refuses it. Here because the Glibc module does not show sockaddr_nl.
int speem_watch_interfaces(void);
#endif

#endif
