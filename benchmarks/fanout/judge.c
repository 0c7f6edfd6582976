/* The judge: one process that holds every subscriber, publishes, and accounts for every delivery.

   judge PLAN [CORE]     orders come on standard input, one a line; answers go to standard output, one a line of JSON

     connect COUNT AT_ONCE              opens the next COUNT connections of the plan; they are open when they are joined
     settle                             waits until nothing has come for a while
     closed TEMPLATE WINDOW SECONDS     each group has WINDOW messages under way: the next goes when one has come back
     open TEMPLATE RATE SECONDS         RATE messages a second in all, each at the moment that was intended for it

   What is measured begins when half a second is over and, in a closed loop, the first message has come back. `closed`
   and `open` say {"at":"begin"} and {"at":"end"} around what is measured, so that others can look at their
   clocks, and then the result. The plan (plan.py) holds everything as bytes; only the digits of a mark are filled in here:

     zqzq RRRR x GGGG x SSSSSSSS x TTTTTTTTTTTTTTTT      run, group, number in the group, nanoseconds of CLOCK_MONOTONIC
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define WARM_UP (SECOND / 2)
#define SKIPPED (SECOND / 10) /* of the latencies, while others look at their clocks */
#define QUIET (SECOND / 2)    /* nothing has come for so long: settled; also listened for repeats after a run */
#define PATIENCE (5 * SECOND) /* for what is still missing, since something came last */
#define DRAINING (30 * SECOND) /* at most, after a run */
#define OPENING (300 * SECOND)
#define EVENTS 64 /* at a time, so that nothing is sent late because much is to be read */
#define MARK (4 + 4 + 1 + 4 + 1 + 8 + 1 + 16)

enum state { NEW, ASKED, OPEN, JOINED, CLOSED };

struct bytes { char *at; size_t size, room; };

struct connection {
  int fd, group, raw, writing;
  enum state state;
  struct bytes request, first, unread, unsent, text;
  uint64_t *seen, highest; /* numbers of this run, as bits; the highest so far + 1 */
  size_t words;
};

struct template { struct bytes frame; int connection; struct { size_t at[8]; int count; } run, number, stamp; };
struct group { int members, echo; uint32_t sent; struct template say[2]; };

static struct connection *connections;
static struct group *groups;
static int count, connected, group_count, poller, timer, stream, joined, closed, run_number;
static struct bytes needle, asked, reply;
static struct sockaddr_in address;
static char inbox[1 << 18];

static struct {
  int template, window, publishing, counting;
  uint64_t begin, end, missing, unique, duplicate, disordered, foreign, late, deliveries, messages, reads, bytes, frames, sent;
  uint64_t last, latencies, highest, lag;
} run;
static uint64_t histogram[64 * 64];

static void fail(const char *form, ...) {
  va_list arguments;
  char text[400];
  va_start(arguments, form);
  vsnprintf(text, sizeof text, form, arguments);
  va_end(arguments);
  for (char *at = text; *at; at++)
    if (*at == '"' || *at == '\\' || (unsigned char)*at < 32 || (unsigned char)*at > 126) *at = ' ';
  printf("{\"failed\":\"%s\"}\n", text);
  fflush(stdout);
  exit(1);
}

static uint64_t clock_of(clockid_t which) {
  struct timespec at;
  clock_gettime(which, &at);
  return at.tv_sec * SECOND + at.tv_nsec;
}

static uint64_t now(void) { return clock_of(CLOCK_MONOTONIC); }

static void append(struct bytes *to, const char *from, size_t size) {
  if (to->size + size > to->room) {
    to->room = (to->size + size) * 2;
    if (!(to->at = realloc(to->at, to->room))) fail("out of memory");
  }
  memcpy(to->at + to->size, from, size);
  to->size += size;
}

/* The plan. */

static struct bytes take(FILE *plan, size_t size) {
  struct bytes taken = {malloc(size + 1), size, size + 1};
  if (!taken.at || fread(taken.at, 1, size, plan) != size) fail("the plan ends too soon");
  taken.at[size] = 0;
  return taken;
}

static void places(struct bytes *frame, const char *what, size_t *at, int *found) {
  for (char *from = frame->at; (from = memmem(from, frame->at + frame->size - from, what, strlen(what))); from++)
    if (*found < 8) at[(*found)++] = from - frame->at;
}

static void read_plan(const char *path) {
  FILE *plan = fopen(path, "rb");
  char line[200], host[64];
  int a, b, c, room = 0;
  size_t m, n;
  if (!plan) fail("cannot read the plan");
  while (fgets(line, sizeof line, plan)) {
    if (sscanf(line, "address %63s %d", host, &a) == 2) {
      address.sin_family = AF_INET;
      address.sin_port = htons(a);
      if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("not an address: %s", host);
    } else if (sscanf(line, "groups %d", &group_count) == 1) {
      groups = calloc(group_count, sizeof *groups);
      for (a = 0; a < group_count; a++) groups[a].echo = -1;
    } else if (sscanf(line, "stream %d", &stream) == 1) {
    } else if (sscanf(line, "needle %zu", &n) == 1) {
      needle = take(plan, n);
    } else if (sscanf(line, "answer %zu %zu", &m, &n) == 2) {
      asked = take(plan, m), reply = take(plan, n);
    } else if (sscanf(line, "connection %d %d %zu %zu", &a, &b, &m, &n) == 4) {
      if (count == room) connections = realloc(connections, (room = room * 2 + 64) * sizeof *connections);
      struct connection *it = &connections[count];
      *it = (struct connection){.fd = -1, .group = a, .raw = b};
      it->request = take(plan, m), it->first = take(plan, n);
      if (!b && groups[a].members++ == 0) groups[a].echo = count;
      count++;
    } else if (sscanf(line, "say %d %d %d %zu", &a, &b, &c, &n) == 4) {
      struct template *say = &groups[b].say[a];
      say->frame = take(plan, n), say->connection = c;
      places(&say->frame, "RRRR", say->run.at, &say->run.count);
      places(&say->frame, "SSSSSSSS", say->number.at, &say->number.count);
      places(&say->frame, "TTTTTTTTTTTTTTTT", say->stamp.at, &say->stamp.count);
    } else if (line[0] != '\n')
      fail("not a line of a plan: %s", line);
  }
  fclose(plan);
}

/* Out. */

static void watch(struct connection *it) {
  struct epoll_event event = {EPOLLIN | (it->writing ? EPOLLOUT : 0), {.u32 = it - connections}};
  epoll_ctl(poller, EPOLL_CTL_MOD, it->fd, &event);
}

static void flush(struct connection *it) {
  size_t gone = 0;
  while (gone < it->unsent.size) {
    ssize_t size = send(it->fd, it->unsent.at + gone, it->unsent.size - gone, MSG_NOSIGNAL);
    if (size < 0) break;
    gone += size;
  }
  memmove(it->unsent.at, it->unsent.at + gone, it->unsent.size -= gone);
  if (it->writing != (it->unsent.size > 0)) it->writing = !it->writing, watch(it);
}

static void put(struct connection *it, const char *bytes, size_t size) {
  ssize_t gone = 0;
  if (it->state == CLOSED) return;
  if (!it->unsent.size && (gone = send(it->fd, bytes, size, MSG_NOSIGNAL)) < 0) gone = 0;
  if ((size_t)gone < size) append(&it->unsent, bytes + gone, size - gone), flush(it);
}

static void digits(char *at, int width, uint64_t number) {
  while (width--) at[width] = '0' + number % 10, number /= 10;
}

static void say(int group, uint64_t stamp) {
  struct group *it = &groups[group];
  struct template *say = &it->say[run.template];
  for (int i = 0; i < say->run.count; i++) digits(say->frame.at + say->run.at[i], 4, run_number);
  for (int i = 0; i < say->number.count; i++) digits(say->frame.at + say->number.at[i], 8, it->sent);
  for (int i = 0; i < say->stamp.count; i++) digits(say->frame.at + say->stamp.at[i], 16, stamp);
  it->sent++;
  run.sent++;
  run.missing += it->members;
  if (run.counting) run.messages++;
  put(&connections[say->connection], say->frame.at, say->frame.size);
}

/* In. */

static uint64_t number_at(const char *at, int width) {
  uint64_t number = 0;
  while (width--) number = number * 10 + (*at++ - '0');
  return number;
}

static void note_latency(uint64_t took) {
  int exponent = 63 - __builtin_clzll(took | 64);
  histogram[(exponent - 5) * 64 + ((took >> (exponent - 6)) & 63)]++;
  run.latencies++;
  if (took > run.highest) run.highest = took;
}

static double quantile(double share) {
  uint64_t wanted = share * run.latencies, passed = 0;
  for (int slot = 0; slot < 64 * 64; slot++)
    if ((passed += histogram[slot]) > wanted) {
      int exponent = slot / 64 + 5;
      uint64_t middle = ((64ull + slot % 64) << (exponent - 6)) + ((1ull << (exponent - 6)) / 2);
      return (middle < run.highest ? middle : run.highest) / 1e6; /* of the slot; never more than there was */
    }
  return run.highest / 1e6;
}

static void delivered(struct connection *it, const char *mark, uint64_t at) {
  int of_run = number_at(mark + 4, 4), group = number_at(mark + 9, 4);
  uint64_t number = number_at(mark + 14, 8), stamp = number_at(mark + 23, 16);
  run.last = at;
  if (group != it->group) { run.foreign++; return; }
  if (of_run != run_number || number >= groups[group].sent) { run.late++; return; }
  if (number / 64 >= it->words) {
    size_t words = number / 32 + 64;
    if (!(it->seen = realloc(it->seen, words * 8))) fail("out of memory");
    memset(it->seen + it->words, 0, (words - it->words) * 8);
    it->words = words;
  }
  uint64_t bit = 1ull << number % 64, *word = &it->seen[number / 64];
  if (*word & bit) { run.duplicate++; return; }
  *word |= bit;
  if (number < it->highest) run.disordered++;
  else it->highest = number + 1;
  run.unique++;
  if (run.counting) run.deliveries++;
  run.missing--;
  if (run.begin && stamp >= run.begin + SKIPPED && stamp < run.end) note_latency(at > stamp ? at - stamp : 0);
  if (run.window && run.publishing && it == &connections[groups[group].echo]) say(group, at);
}

/* Returns the end of the last mark. */
static char *scan(struct connection *it, char *from, size_t size, uint64_t at) {
  char *end = from + size, *last = from;
  if (it->state == OPEN && memmem(from, size, needle.at, needle.size)) it->state = JOINED, joined++;
  if (asked.size && size == asked.size && !memcmp(from, asked.at, size)) put(it, reply.at, reply.size);
  while ((from = memmem(from, end - from, "zqzq", 4)) && end - from >= MARK) delivered(it, from, at), last = from += MARK;
  return last;
}

/* Where frames are no more than pieces of a stream of text (NATS), a mark may begin in one and end in the next. */
static void scan_stream(struct connection *it, char *from, size_t size, uint64_t at) {
  append(&it->text, from, size);
  char *last = scan(it, it->text.at, it->text.size, at), *line = memrchr(it->text.at, '\n', it->text.size);
  size_t done = (line && line + 1 > last ? line + 1 : last) - it->text.at;
  memmove(it->text.at, it->text.at + done, it->text.size -= done);
}

static void shut(struct connection *it) {
  if (it->state == CLOSED) return;
  if (it->state != JOINED) fail("connection %d was closed before it had joined", (int)(it - connections));
  it->state = CLOSED, closed++;
  close(it->fd);
}

static void pong(struct connection *it, const char *payload, size_t size) {
  char frame[6 + 125] = {(char)0x8a, (char)(0x80 | size)};
  if (size <= 125) memcpy(frame + 6, payload, size), put(it, frame, 6 + size);
}

/* How many of these bytes were whole frames. */
static size_t frames(struct connection *it, char *from, size_t size, uint64_t at) {
  size_t done = 0;
  while (size - done >= 2) {
    unsigned char *head = (unsigned char *)from + done;
    size_t length = head[1] & 127, header = 2;
    if (length == 126) {
      if (size - done < 4) break;
      length = head[2] << 8 | head[3], header = 4;
    } else if (length == 127) {
      if (size - done < 10) break;
      for (length = 0, header = 2; header < 10; header++) length = length << 8 | head[header];
    }
    if (size - done < header + length) break;
    char *payload = from + done + header;
    done += header + length;
    switch (head[0] & 15) {
      case 8: shut(it); return size;
      case 9: pong(it, payload, length); break;
      case 10: break;
      default:
        if (run.counting) run.frames++;
        run.last = at;
        if (stream) scan_stream(it, payload, length, at);
        else scan(it, payload, length, at);
    }
  }
  return done;
}

static size_t answer(struct connection *it, char *from, size_t size) {
  char *end = memmem(from, size, "\r\n\r\n", 4);
  if (!end) return 0;
  if (size < 12 || memcmp(from + 9, "101", 3)) fail("the handshake was answered %.60s", from);
  it->state = OPEN;
  if (it->first.size) put(it, it->first.at, it->first.size);
  if (!needle.size) it->state = JOINED, joined++;
  return end + 4 - from;
}

static void receive(struct connection *it) {
  ssize_t size = recv(it->fd, inbox, sizeof inbox, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return shut(it);
  uint64_t at = now();
  if (run.counting) run.reads++, run.bytes += size;
  if (it->raw) return;
  char *from = inbox;
  size_t left = size, done;
  if (it->unread.size) append(&it->unread, inbox, size), from = it->unread.at, left = it->unread.size;
  if (it->state == ASKED) done = answer(it, from, left), from += done, left -= done;
  if (it->state == OPEN || it->state == JOINED) done = frames(it, from, left, at), from += done, left -= done;
  if (it->state == CLOSED) left = 0;
  if (it->unread.size) memmove(it->unread.at, from, it->unread.size = left);
  else if (left) append(&it->unread, from, left);
}

/* Orders. */

static void turn(uint64_t until) {
  struct epoll_event events[EVENTS];
  struct itimerspec when = {{0, 0}, {until / SECOND, until % SECOND}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
  int ready = epoll_wait(poller, events, EVENTS, -1);
  for (int i = 0; i < ready; i++) {
    if (events[i].data.u32 >= (uint32_t)count) continue; /* the timer, or an order */
    struct connection *it = &connections[events[i].data.u32];
    if (it->state == CLOSED) continue;
    if (events[i].events & EPOLLOUT) flush(it);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(it);
  }
}

static void dial(struct connection *it) {
  int yes = 1;
  it->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (it->fd < 0 || connect(it->fd, (struct sockaddr *)&address, sizeof address)) fail("cannot connect: %s", strerror(errno));
  fcntl(it->fd, F_SETFL, O_NONBLOCK);
  setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event event = {EPOLLIN, {.u32 = it - connections}};
  epoll_ctl(poller, EPOLL_CTL_ADD, it->fd, &event);
  it->state = it->raw ? JOINED : ASKED;
  if (it->raw) joined++;
  else put(it, it->request.at, it->request.size);
}

static void connect_more(int more, int at_once) {
  uint64_t began = now(), until = began + OPENING;
  int goal = connected + more < count ? connected + more : count;
  while (joined < goal) {
    while (connected < goal && connected - joined < at_once) dial(&connections[connected++]);
    if (joined < goal) turn(until);
    if (now() > until) fail("only %d of %d connections have joined within five minutes", joined, goal);
  }
  printf("{\"connected\":%d,\"seconds\":%.6f}\n", connected, (now() - began) / 1e9);
}

static void settle(void) {
  uint64_t until = now() + 10 * SECOND;
  run.last = now();
  while (now() < run.last + QUIET && now() < until) turn(run.last + QUIET);
  printf("{\"settled\":true}\n");
}

static void forget(void) {
  memset(&run, 0, sizeof run);
  memset(histogram, 0, sizeof histogram);
  run_number = (run_number + 1) % 10000;
  for (int i = 0; i < group_count; i++) groups[i].sent = 0;
  for (int i = 0; i < count; i++) {
    connections[i].highest = 0;
    if (connections[i].seen) memset(connections[i].seen, 0, connections[i].words * 8);
  }
}

static uint64_t cpu(void) { return clock_of(CLOCK_PROCESS_CPUTIME_ID); }

static void at(const char *what) { printf("{\"at\":\"%s\"}\n", what), fflush(stdout); }

static void measure(int template, int window, double rate, double seconds) {
  forget();
  run.template = template, run.window = window, run.publishing = 1;
  uint64_t start = now(), begin = start + WARM_UP, stop = rate ? begin + seconds * SECOND : UINT64_MAX, used = 0, next = 0, took = 0;
  for (int group = 0; window && group < group_count; group++)
    for (int i = 0; i < window; i++) say(group, now());
  for (;;) {
    uint64_t time = now(), due = rate ? start + (uint64_t)(next / rate * SECOND) : UINT64_MAX;
    if (!run.begin && time >= begin && (rate || run.sent > (uint64_t)window * group_count || time > begin + PATIENCE)) {
      if (!rate) stop = time + seconds * SECOND;
      at("begin");
      run.begin = now(), run.end = UINT64_MAX, run.counting = 1, used = cpu();
    }
    /* Those that were intended before the end are said, however late. */
    for (; run.publishing && due <= time && due < stop; due = start + (uint64_t)(++next / rate * SECOND)) {
      if (time - due > run.lag) run.lag = time - due;
      say(next % group_count, due);
    }
    if (run.publishing && run.begin && time >= stop) {
      used = cpu() - used, run.end = now(), took = run.end - run.begin, run.counting = run.publishing = 0;
      at("end");
      run.last = now();
    }
    if (!run.publishing && time > run.last + (run.missing ? PATIENCE : QUIET)) break;
    if (!run.publishing && time > run.end + DRAINING) break;
    uint64_t wake = run.publishing ? (run.begin ? stop : time < begin ? begin : time + SECOND / 100) : run.last + QUIET;
    turn(run.publishing && due < wake ? due : wake);
  }
  printf("{\"seconds\":%.6f,\"deliveries\":%lu,\"messages\":%lu,\"sent\":%lu,\"delivered\":%lu,\"lost\":%lu,"
         "\"duplicate\":%lu,\"disordered\":%lu,\"foreign\":%lu,\"late\":%lu,\"closed\":%d,\"p50\":%.4f,\"p99\":%.4f,"
         "\"max\":%.4f,\"latencies\":%lu,\"lag\":%.4f,\"cpu\":%.6f,\"reads\":%lu,\"frames\":%lu,\"bytes\":%lu}\n",
         took / 1e9, run.deliveries, run.messages, run.sent, run.unique, run.missing, run.duplicate, run.disordered,
         run.foreign, run.late, closed, quantile(0.5), quantile(0.99), run.highest / 1e6, run.latencies, run.lag / 1e6,
         used / 1e9, run.reads, run.frames, run.bytes);
}

static void obey(char *order) {
  int template, number, other;
  double rate, seconds;
  if (sscanf(order, "connect %d %d", &number, &other) == 2) connect_more(number, other);
  else if (sscanf(order, "closed %d %d %lf", &template, &number, &seconds) == 3) measure(template, number, 0, seconds);
  else if (sscanf(order, "open %d %lf %lf", &template, &rate, &seconds) == 3) measure(template, 0, rate, seconds);
  else if (!strncmp(order, "settle", 6)) settle();
  else fail("not an order: %s", order);
  fflush(stdout);
}

int main(int given, char **arguments) {
  char order[200];
  size_t size = 0;
  if (given < 2) fail("judge PLAN [CORE]");
  if (given > 2) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(atoi(arguments[2]), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores)) fail("cannot stay on core %s", arguments[2]);
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files), files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
  read_plan(arguments[1]);
  run_number = getpid() * 31 % 10000;
  poller = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = UINT32_MAX}};
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
  event.data.u32--;
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
  fcntl(0, F_SETFL, O_NONBLOCK);
  for (;;) {
    ssize_t more = read(0, order + size, sizeof order - 1 - size);
    if (!more) return 0;
    if (more < 0) {
      turn(now() + SECOND);
      continue;
    }
    order[size += more] = 0;
    for (char *line; (line = strchr(order, '\n')); memmove(order, line + 1, size = order + size - line)) *line = 0, obey(order);
    size = strlen(order);
  }
}
