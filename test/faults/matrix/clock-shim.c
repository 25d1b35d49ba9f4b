/*
 * A wall clock that a test can move: LD_PRELOAD it, with CLOCKSHIM_FILE naming a file that holds an int64 in nanoseconds, which is
 * added to the time of day. The file is mapped, so rewriting it in place moves the clock of a running process. The monotonic clock
 * is not touched. (faketime cannot be used: redis-server hangs under it.)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;
static int tried;

static void map_file(void) {
  const char *path;
  int fd;
  void *map;
  if (offset || tried) return;
  tried = 1;
  path = getenv("CLOCKSHIM_FILE");
  if (!path) return;
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  map = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) offset = (volatile int64_t *)map;
}

static int64_t moved(int64_t ns) {
  map_file();
  return offset ? ns + *offset : ns;
}

static int64_t real_ns(void) {
  struct timespec t;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  int result = syscall(SYS_clock_gettime, clock, t);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = moved((int64_t)t->tv_sec * 1000000000LL + t->tv_nsec);
    t->tv_sec = ns / 1000000000LL;
    t->tv_nsec = ns % 1000000000LL;
  }
  return result;
}

int gettimeofday(struct timeval *tv, void *tz) {
  int64_t ns = moved(real_ns());
  (void)tz;
  tv->tv_sec = ns / 1000000000LL;
  tv->tv_usec = (ns % 1000000000LL) / 1000;
  return 0;
}

time_t time(time_t *out) {
  time_t seconds = moved(real_ns()) / 1000000000LL;
  if (out) *out = seconds;
  return seconds;
}
