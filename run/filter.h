// SPDX-License-Identifier: Apache-2.0

// The seccomp filter of supervised processes: which system calls wait for the
// supervisor. All others are the kernel's, at full speed.
//
//   bpf                           answered
//   mmap of a file                refused where Linux refuses it for a map
//   epoll_ctl                     answered for rings
//   poll, ppoll                   answered if one of the files is a ring
//   epoll_wait, select ...        go on after rings were looked at
//   nanosleep, pause ...          go on after events happened (event_file.h)
//   openat                        answered for files of tracepoints, if asked
//   statfs, fstatfs               answered for the directory of pins
//
// It needs no rights, since it sets no_new_privs: programs that change users as
// they start, such as sudo, do not change them under it.

#ifndef BPFMAP_RUN_FILTER_H_
#define BPFMAP_RUN_FILTER_H_

namespace bpfmap {

// Sets the filter for this thread and all that it starts. With `opens`, which
// makes opening a file slower, openat waits too: tools that run on a file of
// events look for tracepoints in files. Returns the descriptor of the listener,
// or -errno:
//   EBUSY   another supervisor is there already
//   EINVAL  the kernel is older than 5.19, or has no seccomp
int InstallFilter(bool opens);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_FILTER_H_
