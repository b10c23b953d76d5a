// SPDX-License-Identifier: Apache-2.0

// Sends a session what no `bpfmap run --join` would: messages of all lengths,
// of other versions, with descriptors of other files, and ends at any point.
//
//   hostile_joiner SOCKET

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int Connect(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) {
    perror(path);
    _exit(1);
  }
  return fd;
}

static void Send(int socket, const void* bytes, size_t size, int fd_count) {
  int fds[4];
  for (int i = 0; i < 4; ++i) fds[i] = STDERR_FILENO;
  char control[CMSG_SPACE(sizeof fds)] = {0};
  struct iovec part = {(void*)bytes, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count > 0) {
    const size_t length = (size_t)fd_count * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(length);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), fds, length);
  }
  sendmsg(socket, &message, MSG_NOSIGNAL);
}

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  char bytes[512];
  memset(bytes, 'x', sizeof bytes);
  for (size_t size = 0; size < sizeof bytes; size += 4) {
    for (int fds = 0; fds <= 4; ++fds) {
      const int fd = Connect(argv[1]);
      Send(fd, bytes, size, fds);
      close(fd);
    }
  }
  for (size_t size = 0; size < 64; size += 4) {
    for (int fds = 0; fds <= 4; ++fds) {
      const int fd = Connect(argv[1]);
      const uint32_t join[2] = {1, 1};
      Send(fd, join, sizeof join, fds);
      if (size % 8 == 0) (void)!read(fd, bytes, sizeof bytes);
      Send(fd, bytes, size, fds);
      close(fd);
    }
  }
  return 0;
}
