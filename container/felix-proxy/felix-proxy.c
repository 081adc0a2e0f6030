/*
 * The dataplane driver that Felix starts: relays bytes between Felix's pipes and the policy manager's socket.
 *
 * Felix gives fd 3 to read from and fd 4 to write to. Nothing is understood or kept here: when either side ends,
 * this ends, Felix ends with it and comes back with everything from the start, which is what the policy manager
 * needs. Static, no dependency: it runs in Felix's container, which has nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "0"
#endif
#define FROM_FELIX 3
#define TO_FELIX 4
#define DEFAULT_SOCKET "/var/run/calico/felix-dataplane.sock"

static const char usage[] =
    "usage: felix-proxy [SOCKET]\n"
    "\n"
    "Felix's external dataplane driver: relays descriptor 3 to SOCKET and SOCKET to\n"
    "descriptor 4. Started by Felix (DataplaneDriver), not by hand.\n"
    "\n"
    "SOCKET is, if not given, $FELIX_DATAPLANE_SOCKET, else\n"
    "" DEFAULT_SOCKET "\n"
    "\n"
    "environment:\n"
    "  FELIX_PROXY_CONNECT_TRIES     how often to try to connect (10)\n"
    "  FELIX_PROXY_CONNECT_PAUSE_MS  pause between two tries (1000)\n";

static long number_from(const char *name, long otherwise)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || !*text)
        return otherwise;
    value = strtol(text, &end, 10);
    if (*end || value < 1) {
        fprintf(stderr, "felix-proxy: %s: %s: not a number above 0\n", name, text);
        exit(2);
    }
    return value;
}

static int try_to_connect(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_to(const char *path)
{
    long tries = number_from("FELIX_PROXY_CONNECT_TRIES", 10);
    long pause_ms = number_from("FELIX_PROXY_CONNECT_PAUSE_MS", 1000);
    struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "felix-proxy: %s: longer than a socket's name can be\n", path);
        exit(2);
    }
    strcpy(address.sun_path, path);
    while ((fd = try_to_connect(&address)) < 0) {
        if (--tries == 0) {
            fprintf(stderr, "felix-proxy: %s: %s\n", path, strerror(errno));
            exit(1);
        }
        nanosleep(&pause, NULL);
    }
    return fd;
}

/* One direction: what was read and is not written yet is in `buffer`, from `start` to `end`. */
struct relay {
    int from, to;
    const char *what;
    size_t start, end;
    char buffer[65536];
};

static int again(void)
{
    return errno == EINTR || errno == EAGAIN;
}

/* Reads if nothing waits, writes what can be. Returns 0 when a side has ended. */
static int move(struct relay *relay)
{
    ssize_t length;

    if (relay->start == relay->end) {
        length = read(relay->from, relay->buffer, sizeof relay->buffer);
        if (length < 0 && again())
            return 1;
        if (length < 0)
            fprintf(stderr, "felix-proxy: reading from %s: %s\n", relay->what, strerror(errno));
        if (length <= 0)
            return 0;
        relay->start = 0;
        relay->end = length;
    }
    length = write(relay->to, relay->buffer + relay->start, relay->end - relay->start);
    if (length < 0 && again())
        return 1;
    if (length < 0) {
        fprintf(stderr, "felix-proxy: what %s says has nowhere to go: %s\n", relay->what, strerror(errno));
        return 0;
    }
    relay->start += length;
    return 1;
}

/* What this direction waits for: something to read, or, if something is left, room to write. */
static struct pollfd waits_for(const struct relay *relay)
{
    if (relay->start == relay->end)
        return (struct pollfd){.fd = relay->from, .events = POLLIN};
    return (struct pollfd){.fd = relay->to, .events = POLLOUT};
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : getenv("FELIX_DATAPLANE_SOCKET");
    static struct relay relays[2];
    struct pollfd waits[2];
    int fd, i;

    if (argc > 2 || (argc == 2 && !strcmp(argv[1], "--help"))) {
        fputs(usage, argc == 2 ? stdout : stderr);
        return argc == 2 ? 0 : 2;
    }
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts("felix-proxy " VERSION);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    fd = connect_to(path && *path ? path : DEFAULT_SOCKET);
    relays[0] = (struct relay){.from = FROM_FELIX, .to = fd, .what = "Felix"};
    relays[1] = (struct relay){.from = fd, .to = TO_FELIX, .what = "the policy manager"};
    for (i = 0; i < 2; i++) /* a side that does not read must not keep the other from being heard */
        if (fcntl(relays[i].from, F_SETFL, O_NONBLOCK) < 0 || fcntl(relays[i].to, F_SETFL, O_NONBLOCK) < 0) {
            fprintf(stderr, "felix-proxy: descriptors 3 and 4 of Felix: %s\n", strerror(errno));
            return 1;
        }
    for (;;) {
        waits[0] = waits_for(&relays[0]);
        waits[1] = waits_for(&relays[1]);
        if (poll(waits, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            fprintf(stderr, "felix-proxy: poll: %s\n", strerror(errno));
            return 1;
        }
        for (i = 0; i < 2; i++)
            if (waits[i].revents && !move(&relays[i]))
                return 0;
    }
}
