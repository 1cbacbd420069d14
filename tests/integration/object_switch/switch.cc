// SPDX-License-Identifier: Apache-2.0
//
// Begins or ends an object period of a recorded process, as a diagnosis does. Prints one line of
// JSON: at_ns, and error, "" or the reason.
// usage: object_switch PID begin|end
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "recorder/dump/object_switch.h"

namespace {

using memwhy::recorder::ObjectSwitch;
using memwhy::recorder::ObjectSwitchReply;

memwhy::Result<ObjectSwitchReply> Switch(pid_t pid, bool begins) {
  const memwhy::RealFileSystem fs;
  constexpr double kPatience_s = 60;
  MEMWHY_TRY(const std::unique_ptr<ObjectSwitch> change,
             ObjectSwitch::Start(fs, pid, begins, kPatience_s));
  while (true) {
    MEMWHY_TRY(std::optional<ObjectSwitchReply> reply, change->Step());
    if (reply) return *std::move(reply);
    usleep(1000);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: object_switch PID begin|end\n");
    return 2;
  }
  auto reply = Switch(std::atoi(argv[1]), std::string_view(argv[2]) == "begin");
  if (!reply) reply = ObjectSwitchReply{0, reply.error().message()};
  fmt::print("{}\n", nlohmann::json({{"at_ns", reply->at_ns}, {"error", reply->error}}).dump());
  return 0;
}
