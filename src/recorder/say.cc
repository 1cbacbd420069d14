// SPDX-License-Identifier: Apache-2.0
#include "recorder/say.h"

#include <poll.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "base/terminal_text.h"

namespace memwhy::recorder {

void Say(std::string_view line) {
  std::string text = FormatForTerminal("memwhy: {}\n", line);
  // A pipe that can be written to has room for so much.
  if (text.size() > PIPE_BUF) text.resize(PIPE_BUF);
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  if (poll(&room, 1, 0) > 0 && (room.revents & POLLOUT) != 0) {
    static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
  }
}

}  // namespace memwhy::recorder
