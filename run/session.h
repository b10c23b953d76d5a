// SPDX-License-Identifier: Apache-2.0

// A session: maps, programs and pins that commands share which are started one
// after the other, in several terminals.
//
// One process serves it. Its socket is in a directory that is its user's alone,
// and it talks to no other user. `run --join` goes into the namespaces of the
// server, and hands it the listener of the command:
//
//   joins                                 server
//   ----- Request{kJoin} ------------------->
//   <---- Welcome, namespaces ---------------
//   (goes there, starts the command)
//   ----- Waiting, listener ---------------->
//   <---- Sentence, "" if it is supervised --
//   (lets it begin)
//
// `stop` sends Request{kStop}, and sees the connection end with the server.

#ifndef BPFMAP_RUN_SESSION_H_
#define BPFMAP_RUN_SESSION_H_

#include <string>

#include "bpfmap/run/pin_mount.h"
#include "bpfmap/run/supervisor.h"

namespace bpfmap {

// Makes `directory` if it is not there, and its socket in it. Returns a
// descriptor that listens, or -1: *problem is a sentence.
int OpenSession(const std::string& directory, std::string* problem);

// Serves until it is stopped, by a signal or `stop`; or, if `once`, until the
// last command has ended. Threads may go on after that: the process has to end.
// A byte is written to `ready`, unless that is -1, when commands can join.
void ServeSession(int socket, const std::string& directory,
                  const PinMount& pins, Supervisor* supervisor, bool once,
                  int ready);

// Runs a command in the session. Returns its status, or -1: *problem is a
// sentence. REQUIRES: the process has one thread.
int JoinSession(const std::string& directory, char** command,
                std::string* problem);

// Returns after the server has ended. False: *problem is a sentence.
bool StopSession(const std::string& directory, std::string* problem);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_SESSION_H_
