// Preloaded into a program under test: tells every libc call that may block, when an I/O thread makes it.
//
// An I/O thread is one whose name starts with "eco2-io"; the name is looked up at each call, for threads are named after they
// start. A find is appended to the file named by ECO2_BLOCKING_GUARD_FILE (without it, to standard error): one line "blocked:
// <call> thread=<name>", then the stack, a line a frame. With ECO2_BLOCKING_GUARD_ABORT set the process then aborts.
//
// epoll_wait is the event loop itself and allowed; so is every call with a time-out of zero or a flag that says "do not wait".
// Reads and writes are not watched (most descriptors are non-blocking), nor mutexes and condition variables (short waits are
// legal).
#define _GNU_SOURCE

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { name_bytes = 16, frames_max = 48 };

// The functions that stand behind ours.
static struct {
    int (*nanosleep)(const struct timespec*, struct timespec*);
    int (*clock_nanosleep)(clockid_t, int, const struct timespec*, struct timespec*);
    int (*usleep)(useconds_t);
    unsigned (*sleep)(unsigned);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*getaddrinfo)(const char*, const char*, const struct addrinfo*, struct addrinfo**);
    int (*poll)(struct pollfd*, nfds_t, int);
    int (*ppoll)(struct pollfd*, nfds_t, const struct timespec*, const sigset_t*);
    int (*select)(int, fd_set*, fd_set*, fd_set*, struct timeval*);
    int (*pselect)(int, fd_set*, fd_set*, fd_set*, const struct timespec*, const sigset_t*);
    int (*flock)(int, int);
    int (*lockf)(int, int, off_t);
    int (*fcntl)(int, int, ...);
    int (*pthread_join)(pthread_t, void**);
    pid_t (*waitpid)(pid_t, int*, int);
    pid_t (*wait4)(pid_t, int*, int, struct rusage*);
    int (*waitid)(idtype_t, id_t, siginfo_t*, int);
} real;

static pthread_once_t resolve_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t tell_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool is_telling;

// `slot` is one of the pointers above: POSIX says that dlsym's result may be a function, ISO C has no cast for it.
static void find(const char* name, void* slot) {
    void* found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(slot, &found, sizeof found);
}

static void resolve_all(void) {
    find("nanosleep", &real.nanosleep);
    find("clock_nanosleep", &real.clock_nanosleep);
    find("usleep", &real.usleep);
    find("sleep", &real.sleep);
    find("fsync", &real.fsync);
    find("fdatasync", &real.fdatasync);
    find("getaddrinfo", &real.getaddrinfo);
    find("poll", &real.poll);
    find("ppoll", &real.ppoll);
    find("select", &real.select);
    find("pselect", &real.pselect);
    find("flock", &real.flock);
    find("lockf", &real.lockf);
    find("fcntl64", &real.fcntl);
    find("pthread_join", &real.pthread_join);
    find("waitpid", &real.waitpid);
    find("wait4", &real.wait4);
    find("waitid", &real.waitid);
}

static bool is_io_thread(char name[name_bytes]) {
    memset(name, 0, name_bytes);
    return prctl(PR_GET_NAME, name, 0, 0, 0) == 0 && strncmp(name, "eco2-io", 7) == 0;
}

static void tell(const char* call, const char* thread) {
    const char* path = getenv("ECO2_BLOCKING_GUARD_FILE");
    const int fd = path == NULL ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        void* frames[frames_max];
        const int depth = backtrace(frames, frames_max);
        dprintf(fd, "blocked: %s thread=%s\n", call, thread);
        backtrace_symbols_fd(frames, depth, fd);
    }
    if (fd >= 0 && fd != STDERR_FILENO) {
        close(fd);
    }
    if (getenv("ECO2_BLOCKING_GUARD_ABORT") != NULL) {
        abort();
    }
}

// Stands first in each wrapper. Telling makes calls that may block itself: those are passed over.
static void enter(const char* call, bool may_block) {
    pthread_once(&resolve_once, resolve_all);
    char thread[name_bytes];
    const int saved_errno = errno;
    if (may_block && !is_telling && is_io_thread(thread)) {
        is_telling = true;
        pthread_mutex_lock(&tell_mutex);
        tell(call, thread);
        pthread_mutex_unlock(&tell_mutex);
        is_telling = false;
    }
    errno = saved_errno;
}

// A sleep of zero is told as well: on an I/O thread nobody means it.
int nanosleep(const struct timespec* time, struct timespec* left) {
    enter("nanosleep", true);
    return real.nanosleep(time, left);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec* time, struct timespec* left) {
    enter("clock_nanosleep", true);
    return real.clock_nanosleep(clock, flags, time, left);
}

int usleep(useconds_t time) {
    enter("usleep", true);
    return real.usleep(time);
}

unsigned sleep(unsigned seconds) {
    enter("sleep", true);
    return real.sleep(seconds);
}

int fsync(int fd) {
    enter("fsync", true);
    return real.fsync(fd);
}

int fdatasync(int fd) {
    enter("fdatasync", true);
    return real.fdatasync(fd);
}

int getaddrinfo(const char* host, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
    enter("getaddrinfo", host != NULL && (hints == NULL || (hints->ai_flags & AI_NUMERICHOST) == 0));
    return real.getaddrinfo(host, service, hints, result);
}

int poll(struct pollfd* fds, nfds_t count, int timeout_ms) {
    enter("poll", timeout_ms != 0);
    return real.poll(fds, count, timeout_ms);
}

int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* timeout, const sigset_t* mask) {
    enter("ppoll", timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0);
    return real.ppoll(fds, count, timeout, mask);
}

int select(int count, fd_set* readable, fd_set* writable, fd_set* failed, struct timeval* timeout) {
    enter("select", timeout == NULL || timeout->tv_sec != 0 || timeout->tv_usec != 0);
    return real.select(count, readable, writable, failed, timeout);
}

int pselect(
    int count, fd_set* readable, fd_set* writable, fd_set* failed, const struct timespec* timeout, const sigset_t* mask) {
    enter("pselect", timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0);
    return real.pselect(count, readable, writable, failed, timeout, mask);
}

int flock(int fd, int operation) {
    enter("flock", (operation & (LOCK_NB | LOCK_UN)) == 0);
    return real.flock(fd, operation);
}

int lockf(int fd, int command, off_t length) {
    enter("lockf", command == F_LOCK);
    return real.lockf(fd, command, length);
}

static int guarded_fcntl(int fd, int command, void* argument) {
    enter("fcntl", command == F_SETLKW || command == F_OFD_SETLKW);
    return real.fcntl(fd, command, argument);
}

// Programs call one or the other, by the size of off_t that they were built for. The argument is a number or a pointer; both
// travel in one register.
int fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return guarded_fcntl(fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return guarded_fcntl(fd, command, argument);
}

int pthread_join(pthread_t thread, void** result) {
    enter("pthread_join", true);
    return real.pthread_join(thread, result);
}

pid_t waitpid(pid_t child, int* status, int options) {
    enter("waitpid", (options & WNOHANG) == 0);
    return real.waitpid(child, status, options);
}

pid_t wait4(pid_t child, int* status, int options, struct rusage* usage) {
    enter("wait4", (options & WNOHANG) == 0);
    return real.wait4(child, status, options, usage);
}

int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
    enter("waitid", (options & WNOHANG) == 0);
    return real.waitid(kind, id, info, options);
}
