// SPDX-License-Identifier: Apache-2.0
#include "recorder/heap_dump.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "model/object_graph.h"
#include "os/cgroup.h"
#include "os/process.h"
#include "os/smaps.h"
#include "recorder/clone_cost.h"
#include "recorder/dump_questions.h"
#include "recorder/holder_names.h"
#include "recorder/ring_map.h"
#include "session/dump_file.h"
#include "session/format.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr double kTakenWithin = 15;  // seconds until the agent takes the request
constexpr std::uint64_t kWakeNs = 20'000'000;
constexpr std::size_t kReadBytes = 1 << 20;

// The same file as we see it: the process may live in another mount namespace.
std::string OurPath(const FileSystem& fs, pid_t pid, const std::string& path) {
  const std::string through = fmt::format("/proc/{}/root{}", pid, path);
  return fs.Exists(through) ? through : path;
}

constexpr std::size_t kMostQuestions = 200'000;

// The answers to the questions (agent/holder_scan.h has the format). They come from the target:
// nullopt when they are no such thing.
std::optional<model::HolderScan> ParseAnswers(std::span<const std::uint8_t> bytes,
                                              std::span<const std::uint64_t> questions,
                                              HolderNames& names) {
  constexpr char kMagic[8] = {'M', 'W', 'Y', 'S', 'C', 'A', 'N', '1'};
  constexpr std::uint64_t kMostPlaces = 64;
  const auto word = [&](std::uint64_t* value) {
    if (bytes.size() < 8) return false;
    std::memcpy(value, bytes.data(), 8);
    bytes = bytes.subspan(8);
    return true;
  };
  std::uint64_t magic = 0;
  std::uint64_t count = 0;
  if (!word(&magic) || std::memcmp(&magic, kMagic, 8) != 0) return std::nullopt;
  std::uint64_t unread = 0;
  if (!word(&count) || !word(&unread) || count != questions.size()) return std::nullopt;
  model::HolderScan scan;
  scan.was_done = true;
  scan.unread_mappings = unread;
  for (const std::uint64_t address : questions) {
    model::HolderScan::Object object;
    object.address = address;
    std::uint64_t places = 0;
    if (!word(&object.words) || !word(&object.static_words) || !word(&places)) return std::nullopt;
    if (places > kMostPlaces) return std::nullopt;
    for (std::uint64_t i = 0; i < places; ++i) {
      std::uint64_t place = 0;
      if (!word(&place)) return std::nullopt;
      object.places.push_back(names.NameOf(place));
    }
    scan.objects.push_back(std::move(object));
  }
  return scan;
}

Result<void> WriteQuestions(const std::string& path, std::span<const std::uint64_t> questions) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return Error::FromErrno(errno, "cannot make " + path);
  const auto* at = reinterpret_cast<const char*>(questions.data());
  std::size_t left = questions.size() * sizeof(std::uint64_t);
  while (left != 0) {
    const ssize_t n = write(fd.get(), at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::FromErrno(n < 0 ? errno : ENOSPC, "writing " + path);
    at += n;
    left -= static_cast<std::size_t>(n);
  }
  return {};
}

// A FIFO beside the ring for the time of one dump.
class Fifo {
 public:
  static Result<std::unique_ptr<Fifo>> Make(const std::string& path) {
    unlink(path.c_str());
    if (mkfifo(path.c_str(), 0600) != 0) return Error::FromErrno(errno, "cannot make " + path);
    std::unique_ptr<Fifo> fifo(new Fifo(path));
    fifo->fd_ = UniqueFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fifo->fd_) return Error::FromErrno(errno, "cannot open " + path);
    fcntl(fifo->fd_.get(), F_SETPIPE_SZ, 1 << 20);  // fewer turns; a refusal does not matter
    return fifo;
  }
  ~Fifo() { unlink(path_.c_str()); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  int fd() const { return fd_.get(); }

 private:
  explicit Fifo(std::string path) : path_(std::move(path)) {}
  std::string path_;
  UniqueFd fd_;
};

std::uint64_t Headroom(const FileSystem& fs, pid_t pid) {
  const auto memory = os::ReadCgroupMemory(fs, pid);
  if (!memory || !memory->limit || !memory->usage) return 0;
  // 0 means no limit; a full cgroup has no room for anything.
  return *memory->limit > *memory->usage
             ? static_cast<std::uint64_t>(*memory->limit - *memory->usage)
             : 1;
}

nlohmann::json BeginFact(const FileSystem& fs, const RingMap& ring, pid_t pid) {
  nlohmann::json fact = {{"type", "dump"}, {"pid", pid}, {"python", ring.info().python}};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  fact["taken_ns"] = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  if (const auto stat = os::ReadProcessStat(fs, pid)) {
    fact["name"] = stat->comm;
    fact["start_ticks"] = stat->start_ticks;
  }
  return fact;
}

}  // namespace

Result<std::string> FindRingOf(const FileSystem& fs, pid_t pid) {
  const auto maps = os::ReadMaps(fs, pid);
  if (!maps) {
    if (!fs.Exists(fmt::format("/proc/{}", pid))) {
      return Error::Of("there is no process {}", pid);
    }
    return maps.error().With("process {} cannot be looked into (the same user or root may)", pid);
  }
  const std::string mark = std::string("/") + session::kRingPrefix;
  for (const os::Vma& vma : *maps) {
    const std::size_t at = vma.name.rfind(mark);
    if (at != std::string::npos && vma.name.find(".mwy", 0) != std::string::npos &&
        vma.is_shared()) {
      return vma.name;
    }
  }
  return Error::Of(
      "process {} does not carry memwhy's agent; start it under memwhy run (attaching to a running "
      "process is not built yet)",
      pid);
}

Result<std::string> FindSessionOf(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string ring, FindRingOf(fs, pid));
  return OurPath(fs, pid, ring.substr(0, ring.rfind('/')));
}

Result<HeapDumpOutcome> TakeHeapDump(
    const FileSystem& fs, const HeapDumpOptions& options,
    const std::function<void(const HeapGraphReply&)>& on_prediction) {
  MEMWHY_TRY(const std::string ring_path, FindRingOf(fs, options.pid));
  if (ring_path.ends_with(" (deleted)")) {
    return Error::Of("the session of process {} was deleted; its agent cannot be asked any more",
                     options.pid);
  }
  MEMWHY_TRY(const std::unique_ptr<RingMap> ring,
             RingMap::Open(OurPath(fs, options.pid, ring_path)));
  const std::string name = fmt::format("/dump.{}.{}", options.pid, getpid());
  const std::string folder = ring_path.substr(0, ring_path.rfind('/'));
  const std::string our_folder = OurPath(fs, options.pid, folder);
  const std::string questions_path = our_folder + name + ".ask";
  MEMWHY_TRY(const std::unique_ptr<Fifo> fifo, Fifo::Make(our_folder + name));
  MEMWHY_TRY(session::DumpWriter writer, session::DumpWriter::Create(options.output));
  MEMWHY_TRY_VOID(writer.AddFact(BeginFact(fs, *ring, options.pid)));

  const std::string blocks_path = our_folder + name + wire::kBlocksSuffix;
  const auto drop_blocks = [&](const void*) { unlink(blocks_path.c_str()); };
  std::unique_ptr<const void, decltype(drop_blocks)> blocks_file(
      options.blocks.empty() ? nullptr : options.blocks.data(), drop_blocks);
  if (!options.blocks.empty()) MEMWHY_TRY_VOID(WriteBlocks(blocks_path, options.blocks));

  HeapDumpLimits limits;
  limits.has_blocks = !options.blocks.empty();
  limits.pause_ms = options.max_pause_ms;
  limits.clone_ns_per_mib = options.in_place ? 0 : MeasureCloneCost();
  limits.headroom_bytes = Headroom(fs, options.pid);
  limits.in_place = options.in_place;
  if (options.scans) limits.scan_path = folder + name + ".ask";
  MEMWHY_TRY(HeapRequest request, HeapRequest::PostDump(ring.get(), folder + name, limits));

  const std::uint64_t began = wire::MonotonicNs();
  const auto seconds = [&] { return static_cast<double>(wire::MonotonicNs() - began) * 1e-9; };
  std::vector<std::uint8_t> buffer(kReadBytes);
  std::optional<HeapGraphReply> reply;
  std::optional<Error> failure;
  std::uint64_t next_wake = 0;
  bool is_told = false;
  // Behind the stream come the answers to our questions.
  bool is_asked = false;
  std::optional<DumpQuestions> asking;
  if (options.scans && !options.in_place) asking.emplace();
  std::vector<std::uint64_t> questions;
  std::vector<std::uint8_t> answers;
  const auto drain = [&] {
    while (true) {
      const ssize_t n = read(fifo->fd(), buffer.data(), buffer.size());
      if (n <= 0) return;
      if (failure) continue;  // the target must not wait for us
      if (is_asked) {
        answers.insert(answers.end(), buffer.begin(), buffer.begin() + n);
        continue;
      }
      const std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(n));
      if (asking) asking->Add(bytes);
      if (auto added = writer.AddBytes(bytes); !added) failure = added.error();
    }
  };
  while (!reply) {
    if (wire::MonotonicNs() >= next_wake) {
      request.Wake(fs);
      next_wake = wire::MonotonicNs() + kWakeNs;
    }
    pollfd events{fifo->fd(), POLLIN, 0};
    // Without a writer a FIFO says at once that it has hung up.
    const int ready = poll(&events, 1, 5);
    if (ready > 0 && (events.revents & POLLIN) == 0) {
      const timespec pause{0, 1'000'000};
      nanosleep(&pause, nullptr);
    }
    if (!is_told) {
      if (const auto predicted = request.Prediction()) {
        is_told = true;
        if (on_prediction) on_prediction(*predicted);
      }
    }
    const bool is_waiting = !is_asked && request.IsWaiting();
    drain();
    if (is_waiting) {
      // All of the stream is here, the clone stands still until it is asked.
      if (!failure && asking) questions = asking->Finish(kMostQuestions);
      if (auto written = WriteQuestions(questions_path, questions); !written && !failure) {
        failure = written.error();
      }
      is_asked = true;
      request.Ask();
    }
    reply = request.Poll();
    if (reply) break;
    const bool is_posted = ring->header().request_state.load(std::memory_order_acquire) ==
                           static_cast<std::uint32_t>(wire::RequestState::kPosted);
    if (is_posted && seconds() > kTakenWithin && request.Withdraw()) {
      return Error::Of(
          "process {} did not take the request within {} s: no thread of it waits in a system call "
          "that may be interrupted, and none allocates",
          options.pid, kTakenWithin);
    }
    if (kill(options.pid, 0) != 0 && errno == ESRCH) {
      return Error::Of("process {} ended while it was dumped", options.pid);
    }
  }
  drain();
  if (!is_told && on_prediction && reply->predicted_ms > 0) on_prediction(*reply);
  if (is_asked) unlink(questions_path.c_str());
  if (failure) return std::move(*failure);
  if (!reply->error.empty()) {
    return Error::Of("no heap dump: {} (predicted: {:.0f} ms of pause, {} of memory)", reply->error,
                     reply->predicted_ms, FormatBytes(static_cast<Bytes>(reply->predicted_bytes)));
  }
  HeapDumpOutcome outcome;
  if (is_asked) {
    HolderNames names(fs, options.pid);
    if (const auto scan = ParseAnswers(answers, questions, names)) {
      outcome.was_scanned = true;
      MEMWHY_TRY_VOID(writer.AddFact(session::ScanFact(*scan)));
    }
  }
  outcome.predicted_ms = reply->predicted_ms;
  outcome.predicted_bytes = reply->predicted_bytes;
  outcome.pause_ms = reply->pause_ms;
  outcome.method = reply->method;
  outcome.seconds = seconds();
  outcome.raw_bytes = writer.raw_bytes();
  MEMWHY_TRY_VOID(writer.AddFact({{"type", "dump_end"},
                                  {"method", reply->method},
                                  {"predicted_ms", reply->predicted_ms},
                                  {"predicted_bytes", reply->predicted_bytes},
                                  {"pause_ms", reply->pause_ms},
                                  {"seconds", outcome.seconds},
                                  {"raw_bytes", outcome.raw_bytes}}));
  MEMWHY_TRY_VOID(writer.Finish());
  outcome.file_bytes = writer.file_bytes();
  return outcome;
}

}  // namespace memwhy::recorder
