// Preloaded into a program under test: a disk that is full, fails, or loses at a power cut what nobody has synced.
//
// Files whose path contains one of the words in ECO2_DISK_PATHS (separated by ':') are watched; all else is left alone.
//   ECO2_DISK_FULL=FILE         as long as FILE is there, writes that come to watched files fail with ENOSPC
//   ECO2_DISK_FAULT=CALL:N      the N-th CALL fails once, with EIO: write, sync (fsync and fdatasync), rename, truncate,
//   create;
//                               short: the N-th write writes half and says so; cut: power is cut in place of the N-th sync
//   ECO2_DISK_TOLD=FILE         each fault is appended there: "write /path"
//   ECO2_DISK_COUNT=FILE        the numbers of calls at the end of the process, one "CALL N" a line
//   ECO2_DISK_POWER=FOLDER      raise(SIGKILL), which the program's fail points call, is a power cut: what was written to
//   watched
//                               files since their last sync, and the creations and renames in folders since theirs, are undone
//                               first. FOLDER, on the same file system, takes copies. Removals count as done at once.
//   ECO2_DISK_NAMES=kept        names are durable as they are made (as some file systems have it), contents are not
//
// What cannot be wrong with an honest disk is not imitated: a sync that says yes and lies.
#define _GNU_SOURCE

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { files_max = 4096, copy_bytes = 1 << 16 };

enum call { call_write, call_sync, call_rename, call_truncate, call_create, call_count };
static const char* const call_names[call_count] = {"write", "sync", "rename", "truncate", "create"};

// The functions that stand behind ours.
static struct {
    ssize_t (*write)(int, const void*, size_t);
    ssize_t (*pwrite)(int, const void*, size_t, off_t);
    ssize_t (*writev)(int, const struct iovec*, int);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*ftruncate)(int, off_t);
    int (*rename)(const char*, const char*);
    int (*mkdir)(const char*, mode_t);
    int (*open)(const char*, int, ...);
    int (*openat)(int, const char*, int, ...);
    int (*raise)(int);
} real;

static struct {
    const char* paths;
    const char* full;
    const char* told;
    const char* count;
    const char* power;
    bool keeps_names;
    bool is_short;
    bool is_cut;
    enum call fault;  // call_count: none
    long nth;
} plan;

// A file with writes that were not synced; its durable content is in the copy.
struct dirty {
    dev_t device;
    ino_t inode;
    char path[PATH_MAX];
    char copy[PATH_MAX];
};

// A name that was made and whose folder was not synced.
struct made {
    bool is_folder;
    char path[PATH_MAX];
    char from[PATH_MAX];      // renamed from; empty: created
    char replaced[PATH_MAX];  // a link to what stood there before; empty: nothing
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // guards what follows
static long counts[call_count];
static struct dirty* dirty;
static int dirty_count;
static struct made* made;
static int made_count;
static long copies;

// `slot` is one of the pointers above: POSIX says that dlsym's result may be a function, ISO C has no cast for it.
static void find(const char* name, void* slot) {
    void* found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(slot, &found, sizeof found);
}

static void tell_counts(void) {
    FILE* out = fopen(plan.count, "w");
    for (int i = 0; out != NULL && i < call_count; ++i) {
        fprintf(out, "%s %ld\n", call_names[i], counts[i]);
    }
    if (out != NULL) {
        fclose(out);
    }
}

static void begin(void) {
    find("write", &real.write);
    find("pwrite64", &real.pwrite);
    find("writev", &real.writev);
    find("fsync", &real.fsync);
    find("fdatasync", &real.fdatasync);
    find("ftruncate64", &real.ftruncate);
    find("rename", &real.rename);
    find("mkdir", &real.mkdir);
    find("open64", &real.open);
    find("openat64", &real.openat);
    find("raise", &real.raise);
    plan.paths = getenv("ECO2_DISK_PATHS");
    plan.full = getenv("ECO2_DISK_FULL");
    plan.told = getenv("ECO2_DISK_TOLD");
    plan.count = getenv("ECO2_DISK_COUNT");
    plan.power = getenv("ECO2_DISK_POWER");
    const char* names = getenv("ECO2_DISK_NAMES");
    plan.keeps_names = names != NULL && strcmp(names, "kept") == 0;
    plan.fault = call_count;
    const char* fault = getenv("ECO2_DISK_FAULT");
    const char* colon = fault == NULL ? NULL : strchr(fault, ':');
    if (colon != NULL) {
        plan.nth = atol(colon + 1);
        plan.is_short = strncmp(fault, "short", 5) == 0;
        for (int i = 0; i < call_count; ++i) {
            if (strncmp(fault, call_names[i], (size_t)(colon - fault)) == 0) {
                plan.fault = (enum call)i;
            }
        }
        plan.is_cut = strncmp(fault, "cut", 3) == 0;
        plan.fault = plan.is_short ? call_write : plan.is_cut ? call_sync : plan.fault;
    }
    if (plan.count != NULL) {
        atexit(tell_counts);
    }
    if (plan.power != NULL) {
        dirty = calloc(files_max, sizeof *dirty);
        made = calloc(files_max, sizeof *made);
        if (dirty == NULL || made == NULL) {
            abort();
        }
    }
}

static bool is_watched(const char* path) {
    pthread_once(&once, begin);
    for (const char* word = plan.paths; word != NULL && *word != '\0';) {
        const char* end = strchrnul(word, ':');
        if (memmem(path, strlen(path), word, (size_t)(end - word)) != NULL) {
            return true;
        }
        word = *end == ':' ? end + 1 : end;
    }
    return false;
}

static bool path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
    return length > 0 && path[0] == '/';
}

// Not for descriptors of SQLite's own files: closing any descriptor of a file drops the process's locks on it.
static void tell(enum call call, const char* path) {
    const int fd = plan.told == NULL ? -1 : real.open(plan.told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        char line[PATH_MAX + 32];
        const int length = snprintf(line, sizeof line, "%s %s\n", call_names[call], path);
        if (real.write(fd, line, (size_t)length) < 0) {
            abort();
        }
        close(fd);
    }
}

// The mutex is held.
static bool fails_now(enum call call, const char* path) {
    const bool is_hit = ++counts[call] == plan.nth && plan.fault == call;
    if (is_hit) {
        tell(call, path);
    }
    return is_hit;
}

static bool is_full(void) {
    return plan.full != NULL && access(plan.full, F_OK) == 0;
}

static bool copy_fd(int from, int to) {
    static char buffer[copy_bytes];
    off_t at = 0;
    for (;;) {
        const ssize_t count = pread64(from, buffer, sizeof buffer, at);
        if (count <= 0) {
            return count == 0;
        }
        if (real.pwrite(to, buffer, (size_t)count, at) != count) {
            return false;
        }
        at += count;
    }
}

// Before a file's first change since its last sync: its content is kept. The mutex is held.
static void keep_content(int fd, const char* path) {
    struct stat now;
    if (plan.power == NULL || fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)) {
        return;
    }
    for (int i = 0; i < dirty_count; ++i) {
        if (dirty[i].inode == now.st_ino && dirty[i].device == now.st_dev) {
            return;
        }
    }
    if (dirty_count == files_max) {
        abort();
    }
    struct dirty* entry = &dirty[dirty_count];
    entry->device = now.st_dev;
    entry->inode = now.st_ino;
    snprintf(entry->path, sizeof entry->path, "%s", path);
    snprintf(entry->copy, sizeof entry->copy, "%s/%d-%ld", plan.power, (int)getpid(), ++copies);
    const int to = real.open(entry->copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool can_read = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
    const int from = can_read ? fd : real.open(path, O_RDONLY | O_CLOEXEC);
    if (to < 0 || from < 0 || !copy_fd(from, to)) {
        abort();
    }
    if (!can_read) {
        close(from);
    }
    close(to);
    ++dirty_count;
}

static void forget_content(int fd) {
    struct stat now;
    if (plan.power == NULL || fstat(fd, &now) != 0) {
        return;
    }
    for (int i = 0; i < dirty_count; ++i) {
        if (dirty[i].inode == now.st_ino && dirty[i].device == now.st_dev) {
            unlink(dirty[i].copy);
            dirty[i] = dirty[--dirty_count];
            return;
        }
    }
}

static bool is_in(const char* path, const char* folder) {
    const char* slash = strrchr(path, '/');
    const size_t length = strlen(folder);
    return slash != NULL && (size_t)(slash - path) == length && strncmp(path, folder, length) == 0;
}

// A folder was synced: the names in it are there for good.
static void forget_names(const char* folder) {
    int kept = 0;
    for (int i = 0; i < made_count; ++i) {
        if (is_in(made[i].path, folder)) {
            if (made[i].replaced[0] != '\0') {
                unlink(made[i].replaced);
            }
        } else {
            made[kept++] = made[i];
        }
    }
    made_count = kept;
}

static struct made* add_name(const char* path) {
    if (plan.power == NULL || plan.keeps_names) {
        return NULL;
    }
    if (made_count == files_max) {
        abort();
    }
    struct made* entry = &made[made_count++];
    memset(entry, 0, sizeof *entry);
    snprintf(entry->path, sizeof entry->path, "%s", path);
    return entry;
}

static void undo_contents(void) {
    for (int i = 0; i < dirty_count; ++i) {
        struct stat now;
        // Where another file has taken its name, or it has none, nobody will read it.
        if (stat(dirty[i].path, &now) != 0 || now.st_ino != dirty[i].inode) {
            continue;
        }
        const int from = real.open(dirty[i].copy, O_RDONLY | O_CLOEXEC);
        const int to = real.open(dirty[i].path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (from < 0 || to < 0 || !copy_fd(from, to)) {
            abort();
        }
    }
}

static void undo_names(void) {
    while (made_count > 0) {
        const struct made* entry = &made[--made_count];
        if (entry->is_folder) {
            rmdir(entry->path);
        } else if (entry->from[0] != '\0') {
            real.rename(entry->path, entry->from);
            if (entry->replaced[0] != '\0') {
                real.rename(entry->replaced, entry->path);
            }
        } else {
            unlink(entry->path);
        }
    }
}

// The mutex is held, for good: nobody else writes any more.
static void cut_power(void) {
    undo_contents();
    undo_names();
    kill(getpid(), SIGKILL);
}

int raise(int number) {
    pthread_once(&once, begin);
    if (number == SIGKILL && plan.power != NULL) {
        pthread_mutex_lock(&mutex);
        cut_power();
    }
    return real.raise(number);
}

static ssize_t watched_write(int fd, const char* path, const void* bytes, size_t size, off_t at, bool has_place) {
    pthread_mutex_lock(&mutex);
    size_t length = size;
    int fault = 0;
    if (fails_now(call_write, path)) {
        length = plan.is_short ? (size + 1) / 2 : size;
        fault = plan.is_short ? 0 : EIO;
    } else if (is_full()) {
        tell(call_write, path);
        fault = ENOSPC;
    }
    ssize_t count = -1;
    if (fault == 0) {
        keep_content(fd, path);
        count = has_place ? real.pwrite(fd, bytes, length, at) : real.write(fd, bytes, length);
        fault = errno;
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return count;
}

ssize_t write(int fd, const void* bytes, size_t size) {
    char path[PATH_MAX];
    pthread_once(&once, begin);
    if (plan.paths == NULL || !path_of(fd, path) || !is_watched(path)) {
        return real.write(fd, bytes, size);
    }
    return watched_write(fd, path, bytes, size, 0, false);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
    char path[PATH_MAX];
    pthread_once(&once, begin);
    if (plan.paths == NULL || !path_of(fd, path) || !is_watched(path)) {
        return real.pwrite(fd, bytes, size, at);
    }
    return watched_write(fd, path, bytes, size, at, true);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
    return pwrite(fd, bytes, size, at);
}

// Of streams; as one write after the other.
ssize_t writev(int fd, const struct iovec* parts, int count) {
    char path[PATH_MAX];
    pthread_once(&once, begin);
    if (plan.paths == NULL || !path_of(fd, path) || !is_watched(path)) {
        return real.writev(fd, parts, count);
    }
    ssize_t written = 0;
    for (int i = 0; i < count; ++i) {
        const ssize_t now = watched_write(fd, path, parts[i].iov_base, parts[i].iov_len, 0, false);
        if (now < 0) {
            return written > 0 ? written : now;
        }
        written += now;
        if ((size_t)now < parts[i].iov_len) {
            break;
        }
    }
    return written;
}

static int watched_sync(int fd, int (*sync)(int)) {
    char path[PATH_MAX];
    if (plan.paths == NULL || !path_of(fd, path) || !is_watched(path)) {
        return sync(fd);
    }
    pthread_mutex_lock(&mutex);
    int fault = fails_now(call_sync, path) ? EIO : 0;
    if (fault != 0 && plan.is_cut && plan.power != NULL) {
        cut_power();
    }
    if (fault == 0) {
        struct stat now;
        fault = sync(fd) == 0 ? 0 : errno;
        if (fault == 0 && plan.power != NULL && fstat(fd, &now) == 0 && S_ISDIR(now.st_mode)) {
            forget_names(path);
        } else if (fault == 0) {
            forget_content(fd);
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return fault == 0 ? 0 : -1;
}

int fsync(int fd) {
    pthread_once(&once, begin);
    return watched_sync(fd, real.fsync);
}

int fdatasync(int fd) {
    pthread_once(&once, begin);
    return watched_sync(fd, real.fdatasync);
}

int ftruncate(int fd, off_t size) {
    char path[PATH_MAX];
    pthread_once(&once, begin);
    if (plan.paths == NULL || !path_of(fd, path) || !is_watched(path)) {
        return real.ftruncate(fd, size);
    }
    pthread_mutex_lock(&mutex);
    int fault = fails_now(call_truncate, path) ? EIO : 0;
    if (fault == 0) {
        keep_content(fd, path);
        fault = real.ftruncate(fd, size) == 0 ? 0 : errno;
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return fault == 0 ? 0 : -1;
}

int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, size);
}

int rename(const char* from, const char* to) {
    if (!is_watched(to)) {
        return real.rename(from, to);
    }
    pthread_mutex_lock(&mutex);
    int fault = fails_now(call_rename, to) ? EIO : 0;
    if (fault == 0) {
        char replaced[PATH_MAX] = "";
        if (plan.power != NULL && !plan.keeps_names && access(to, F_OK) == 0) {
            snprintf(replaced, sizeof replaced, "%s/%d-%ld", plan.power, (int)getpid(), ++copies);
            if (link(to, replaced) != 0) {
                replaced[0] = '\0';
            }
        }
        fault = real.rename(from, to) == 0 ? 0 : errno;
        struct made* entry = fault == 0 ? add_name(to) : NULL;
        if (entry != NULL) {
            snprintf(entry->from, sizeof entry->from, "%s", from);
            snprintf(entry->replaced, sizeof entry->replaced, "%s", replaced);
        }
        for (int i = 0; fault == 0 && i < dirty_count; ++i) {
            if (strcmp(dirty[i].path, from) == 0) {
                snprintf(dirty[i].path, sizeof dirty[i].path, "%s", to);
            }
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return fault == 0 ? 0 : -1;
}

int mkdir(const char* path, mode_t mode) {
    if (!is_watched(path)) {
        return real.mkdir(path, mode);
    }
    pthread_mutex_lock(&mutex);
    const int fault = real.mkdir(path, mode) == 0 ? 0 : errno;
    struct made* entry = fault == 0 ? add_name(path) : NULL;
    if (entry != NULL) {
        entry->is_folder = true;
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return fault == 0 ? 0 : -1;
}

static int watched_open(int folder, const char* path, int flags, mode_t mode) {
    pthread_mutex_lock(&mutex);
    const bool is_new = (flags & O_CREAT) != 0 && faccessat(folder, path, F_OK, 0) != 0;
    int fault = is_new && fails_now(call_create, path) ? EIO : 0;
    int fd = -1;
    if (fault == 0) {
        // Emptied by us, once its content is kept.
        fd = real.openat(folder, path, flags & ~O_TRUNC, mode);
        fault = fd >= 0 ? 0 : errno;
    }
    if (fd >= 0 && is_new) {
        add_name(path);
    }
    if (fd >= 0 && (flags & O_TRUNC) != 0 && !is_new) {
        keep_content(fd, path);
        if (real.ftruncate(fd, 0) != 0) {
            abort();
        }
    }
    pthread_mutex_unlock(&mutex);
    errno = fault;
    return fd;
}

static bool has_mode(int flags) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

static int any_open(int folder, const char* path, int flags, mode_t mode) {
    pthread_once(&once, begin);
    const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if (plan.paths == NULL || !changes || path[0] != '/' || !is_watched(path)) {
        return real.openat(folder, path, flags, mode);
    }
    return watched_open(folder, path, flags, mode);
}

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = has_mode(flags) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return any_open(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = has_mode(flags) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return any_open(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = has_mode(flags) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return any_open(folder, path, flags, mode);
}

int openat64(int folder, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = has_mode(flags) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return any_open(folder, path, flags | O_LARGEFILE, mode);
}
