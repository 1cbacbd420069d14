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
#include "recorder/dump/plain_request.h"

namespace {

using memwhy::recorder::HeapReply;
using memwhy::recorder::PlainRequest;
using memwhy::wire::RequestKind;

memwhy::Result<HeapReply> Switch(pid_t pid, bool begins) {
  const memwhy::RealFileSystem fs;
  constexpr double kPatience_s = 60;
  MEMWHY_TRY(
      const std::unique_ptr<PlainRequest> change,
      PlainRequest::Start(
          fs, pid, {begins ? RequestKind::kObjectsOn : RequestKind::kObjectsOff, ""}, kPatience_s));
  while (true) {
    MEMWHY_TRY(std::optional<HeapReply> reply, change->Step());
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
  if (!reply) {
    HeapReply failed;
    failed.error = reply.error().message();
    reply = failed;
  }
  fmt::print("{}\n", nlohmann::json({{"at_ns", reply->taken_ns}, {"error", reply->error}}).dump());
  return 0;
}
