// SPDX-License-Identifier: Apache-2.0
#include "recorder/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/strings.h"
#include "session/fold.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

// Events of different threads reach the file out of order by less than this.
constexpr std::uint64_t kMarginNs = 1 * kSecond;
constexpr std::uint64_t kFirstSpacingNs = kSecond / 10;
constexpr std::size_t kMaxEntries = 512;
// With --aggregate: this much of events, or as much as the sums take, before they are folded.
constexpr std::uint64_t kAggregateBytes = 4u << 20;
constexpr std::uint64_t kAggregateLeftBytes = 1u << 20;
// One part in so many of the time may go into looks at the address space for the sake of a fold.
constexpr std::uint64_t kPassShare = 100;
constexpr std::uint64_t kRetryNs = 30 * kSecond;
constexpr double kMinStepSeconds = 1;

}  // namespace

std::string FoldPolicy::Why() const {
  std::vector<std::string> options;
  if (is_aggregating) options.push_back("--aggregate");
  if (keep_seconds) options.push_back(fmt::format("--keep {}", FormatSeconds(*keep_seconds)));
  if (max_bytes) options.push_back(fmt::format("--max-size {}", FormatBytes(*max_bytes)));
  std::string text;
  for (const std::string& option : options) text += (text.empty() ? "" : " ") + option;
  return text;
}

Folder::Folder(FoldPolicy policy, std::string session, session::SessionWriter* writer,
               std::function<void()> pass)
    : policy_(std::move(policy)),
      session_(std::move(session)),
      writer_(writer),
      pass_(std::move(pass)),
      spacing_ns_(kFirstSpacingNs),
      base_bytes_(writer->bytes_written()) {}

Folder::~Folder() {
  if (child_ == 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  unlink(JoinPath(session_, session::kFoldedFile).c_str());
}

void Folder::Remember(std::uint64_t now_ns) {
  if (!written_.empty() && now_ns < written_.back().at_ns + spacing_ns_) return;
  written_.push_back({now_ns, writer_->bytes_written()});
  if (written_.size() <= kMaxEntries) return;
  // Every other one will do.
  std::size_t out = 0;
  for (std::size_t i = 0; i < written_.size(); i += 2) written_[out++] = written_[i];
  written_.resize(out);
  spacing_ns_ *= 2;
}

std::uint64_t Folder::TailLimit() const {
  std::uint64_t limit = UINT64_MAX;
  if (policy_.is_aggregating) limit = std::max(kAggregateBytes, base_bytes_);
  if (policy_.max_bytes) {
    // Old and new file stand side by side for a moment.
    const std::uint64_t half = *policy_.max_bytes / 2;
    const std::uint64_t least = *policy_.max_bytes / 8;
    limit = std::min(limit, half > base_bytes_ + least ? half - base_bytes_ : least);
  }
  return limit;
}

std::uint64_t Folder::BytesSince(std::uint64_t at_ns) const {
  const auto entry = std::find_if(written_.begin(), written_.end(),
                                  [&](const Written& each) { return each.at_ns >= at_ns; });
  return entry == written_.end() ? 0 : writer_->bytes_written() - entry->bytes;
}

std::uint64_t Folder::TailBytes() const {
  return writer_->bytes_written() - std::min(base_bytes_, writer_->bytes_written());
}

// The latest instant after which the file grew by `bytes` or more; or the last pass over the
// address space, if not more than `most_bytes` came after it.
std::uint64_t Folder::CutLeaving(std::uint64_t bytes, std::uint64_t most_bytes,
                                 std::uint64_t now_ns) const {
  std::uint64_t cut = now_ns - kMarginNs;
  for (auto it = written_.rbegin(); it != written_.rend(); ++it) {
    if (writer_->bytes_written() - it->bytes >= bytes) {
      cut = std::min(cut, it->at_ns);
      break;
    }
  }
  if (last_pass_ns_ >= folded_until_ns_ && last_pass_ns_ < cut &&
      BytesSince(last_pass_ns_) <= most_bytes) {
    cut = last_pass_ns_;
  }
  return cut;
}

std::optional<std::uint64_t> Folder::Due(std::uint64_t now_ns) const {
  if (now_ns < retry_ns_) return std::nullopt;
  std::optional<std::uint64_t> until;
  if (const std::uint64_t limit = TailLimit(); TailBytes() > limit) {
    until = CutLeaving(policy_.is_aggregating ? kAggregateLeftBytes : limit / 3, limit / 2, now_ns);
  }
  if (policy_.keep_seconds && !written_.empty()) {
    const double step = std::max(kMinStepSeconds, *policy_.keep_seconds / 5);
    const auto keep = static_cast<std::uint64_t>(*policy_.keep_seconds * 1e9);
    const std::uint64_t oldest = std::max(folded_until_ns_, written_.front().at_ns);
    if (now_ns > oldest + keep + static_cast<std::uint64_t>(step * 1e9)) {
      const std::uint64_t cut = now_ns - std::max(keep, kMarginNs);
      until = std::max(until.value_or(0), cut);
    }
  }
  if (until && *until <= folded_until_ns_) return std::nullopt;
  return until;
}

void Folder::Step(std::uint64_t now_ns) {
  if (!policy_.is_needed() || !writer_->failure().empty()) return;
  Remember(now_ns);
  if (child_ != 0) return Reap(/*waits=*/false);
  auto until = Due(now_ns);
  if (!until) return;
  if (last_pass_ns_ < *until) {
    // What is folded keeps no pass: without a later one there would be no ledger.
    if (now_ns > next_pass_ns_) {
      pass_();  // NotePass will say when
      next_pass_ns_ = now_ns + kPassShare * (wire::MonotonicNs() - now_ns);
    } else if (last_pass_ns_ > folded_until_ns_) {
      until = last_pass_ns_;
    } else if (TailBytes() / 2 <= TailLimit()) {
      return;  // until there may be another pass, if the file does not get much too long
    }
  }
  Start(*until);
}

void Folder::Start(std::uint64_t until_ns) {
  if (!writer_->Flush()) return;
  struct statvfs disk{};
  const std::uint64_t need = writer_->bytes_written();
  if (statvfs(session_.c_str(), &disk) == 0 &&
      std::uint64_t{disk.f_bavail} * disk.f_frsize < need) {
    return Fail(
        fmt::format("no room to fold it: {} more would be needed for a moment", FormatBytes(need)));
  }
  child_seen_ = writer_->bytes_written();
  child_until_ns_ = until_ns;
  child_ = fork();
  if (child_ < 0) {
    child_ = 0;
    return Fail(fmt::format("cannot fold it: {}", std::strerror(errno)));
  }
  if (child_ != 0) return;
  // The child: the target goes first in everything, and it goes first when memory is short.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(signal_number, SIG_IGN);
  setpriority(PRIO_PROCESS, 0, 10);
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    static_cast<void>(write(fd, "1000", 4));
    close(fd);
  }
  const auto folded = session::Fold(session_, {until_ns, child_seen_, policy_.Why()});
  _exit(folded ? 0 : 1);
}

void Folder::Reap(bool waits) {
  int status = 0;
  pid_t reaped = 0;
  while ((reaped = waitpid(child_, &status, waits ? 0 : WNOHANG)) < 0 && errno == EINTR) {
  }
  if (reaped == 0) return;
  child_ = 0;
  if (reaped < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    unlink(JoinPath(session_, session::kFoldedFile).c_str());
    return Fail(reaped > 0 && WIFSIGNALED(status)
                    ? fmt::format("folding it was ended by signal {}", WTERMSIG(status))
                    : std::string("folding it failed"));
  }
  const std::uint64_t tail = writer_->bytes_written() - child_seen_;
  if (auto moved = writer_->MoveTo(session::kFoldedFile, child_seen_); !moved) {
    unlink(JoinPath(session_, session::kFoldedFile).c_str());
    return Fail(moved.error().message());
  }
  const std::uint64_t size = writer_->bytes_written();
  // What is left of events is not known exactly: what came after the cut is taken for it.
  std::uint64_t left = tail;
  for (const Written& entry : written_) {
    if (entry.at_ns >= child_until_ns_ && entry.bytes <= child_seen_) {
      left += child_seen_ - entry.bytes;
      break;
    }
  }
  base_bytes_ = size - std::min(size, left);
  folded_until_ns_ = child_until_ns_;
  std::erase_if(written_, [&](const Written& entry) { return entry.at_ns < child_until_ns_; });
  const std::uint64_t before = child_seen_ + tail;
  for (Written& entry : written_) {
    const std::uint64_t behind = before - std::min(before, entry.bytes);
    entry.bytes = size - std::min(size, behind);
  }
  trouble_.clear();
  if (policy_.max_bytes && size > *policy_.max_bytes) {
    trouble_ =
        fmt::format("the session takes {}, more than --max-size: sites and live blocks alone",
                    FormatBytes(size));
  }
}

void Folder::Fail(const std::string& why) {
  trouble_ = "the session exceeds the requested size: " + why;
  retry_ns_ = wire::MonotonicNs() + kRetryNs;
}

void Folder::Finish(std::uint64_t now_ns) {
  if (!policy_.is_needed()) return;
  if (child_ != 0) Reap(/*waits=*/true);
  if (!writer_->failure().empty() || !writer_->Flush()) return;
  retry_ns_ = 0;
  std::optional<std::uint64_t> until;
  // All has been written, nothing comes late.
  if (policy_.is_aggregating && TailBytes() > 2 * kAggregateLeftBytes) {
    until = CutLeaving(kAggregateLeftBytes, 2 * TailLimit(), now_ns + kMarginNs);
  }
  if (policy_.max_bytes && writer_->bytes_written() > *policy_.max_bytes) until = UINT64_MAX;
  if (!until && policy_.keep_seconds) {
    const auto keep = static_cast<std::uint64_t>(*policy_.keep_seconds * 1e9);
    const std::uint64_t oldest =
        std::max(folded_until_ns_, written_.empty() ? now_ns : written_.front().at_ns);
    if (now_ns > oldest + keep) until = now_ns - keep;
  }
  if (!until || *until <= folded_until_ns_) return;
  Start(*until);
  if (child_ != 0) Reap(/*waits=*/true);
}

}  // namespace memwhy::recorder
