// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/haproxy.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "base/strings.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"

namespace memwhy::govern {
namespace {

constexpr timeval kSocketTimeout = {1, 0};
constexpr std::size_t kMaxAnswer = 4 << 20;

}  // namespace

HaproxyActuator::HaproxyActuator(std::string socket, std::string server)
    : socket_(std::move(socket)),
      backend_(server.substr(0, server.find('/'))),
      server_(server.substr(server.find('/') + 1)) {}

Result<std::string> HaproxyActuator::Ask(const std::string& command) const {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof(address.sun_path)) return Error::Of("{}: too long", socket_);
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kSocketTimeout, sizeof(kSocketTimeout));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSocketTimeout, sizeof(kSocketTimeout));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Error::FromErrno(errno, socket_);
  }
  const std::string line = command + "\n";
  if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return Error::FromErrno(errno, socket_);
  }
  std::string answer;
  char buffer[8192];
  for (;;) {
    const ssize_t got = recv(fd.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::FromErrno(errno, socket_);
    if (got == 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(got));
    if (answer.size() > kMaxAnswer) return Error::Of("{}: an endless answer", socket_);
  }
}

Result<void> HaproxyActuator::Apply(const Limit& limit) {
  // 0 means "no limit" to HAProxy.
  const std::int64_t value = limit.value < 1 ? 1 : limit.value;
  MEMWHY_TRY(const std::string answer,
             Ask(fmt::format("set maxconn server {}/{} {}", backend_, server_, value)));
  if (!Trim(answer).empty()) return Error::Of("HAProxy says: {}", EscapeName(Trim(answer)));
  return {};
}

Result<ActuatorView> HaproxyActuator::Read() {
  MEMWHY_TRY(const std::string csv, Ask("show stat"));
  return ViewOfStat(csv, backend_, server_);
}

Result<ActuatorView> ViewOfStat(const std::string& csv, const std::string& backend,
                                const std::string& server) {
  const auto lines = SplitLines(csv);
  if (lines.empty() || !lines.front().starts_with("# ")) {
    return Error("HAProxy's answer to \"show stat\" is no table");
  }
  std::map<std::string_view, std::size_t> columns;
  const auto names = Split(lines.front().substr(2), ',');
  for (std::size_t i = 0; i < names.size(); ++i) columns.emplace(names[i], i);
  for (const std::string_view line : lines) {
    const auto fields = Split(line, ',');
    const auto field = [&](std::string_view name) -> std::optional<std::int64_t> {
      const auto at = columns.find(name);
      if (at == columns.end() || at->second >= fields.size()) return std::nullopt;
      const auto value = ParseUint(fields[at->second]);
      if (!value || *value > INT32_MAX) return std::nullopt;
      return static_cast<std::int64_t>(*value);
    };
    if (fields.size() < 2 || fields[0] != backend || fields[1] != server) continue;
    ActuatorView view;
    view.limit = field("slim");  // empty: no limit
    view.running = field("scur");
    view.waiting = field("qcur");
    return view;
  }
  return Error::Of("HAProxy has no server {}/{}", backend, server);
}

}  // namespace memwhy::govern
