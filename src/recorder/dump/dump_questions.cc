// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/dump_questions.h"

#include <utility>

#include "model/heap/reference_balance.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t kMaxWaiting = 64u << 20;  // bytes

}  // namespace

class DumpQuestions::Source : public model::DumpSource {
 public:
  explicit Source(DumpQuestions& owner) : owner_(owner) {}

  Result<void> Rewind() override { return {}; }
  Result<std::span<const std::uint8_t>> Next() override {
    std::unique_lock lock(owner_.mutex_);
    owner_.changed_.wait(lock, [&] { return !owner_.chunks_.empty() || owner_.is_closed_; });
    if (owner_.chunks_.empty()) return std::span<const std::uint8_t>();
    if (chunk_.capacity() != 0) owner_.spare_.push_back(std::move(chunk_));
    chunk_ = std::move(owner_.chunks_.front());
    owner_.chunks_.pop_front();
    owner_.waiting_bytes_ -= chunk_.size();
    owner_.changed_.notify_all();
    return std::span<const std::uint8_t>(chunk_);
  }

 private:
  DumpQuestions& owner_;
  std::vector<std::uint8_t> chunk_;
};

DumpQuestions::DumpQuestions() : thread_([this] { Run(); }) {}

DumpQuestions::~DumpQuestions() {
  if (thread_.joinable()) Finish(0);
}

void DumpQuestions::Run() {
  Source source(*this);
  model::ReferenceBalance balance;
  model::DumpDecoder decoder(source, balance);
  const auto read = decoder.Run();
  std::unique_lock lock(mutex_);
  is_done_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return is_closed_; });
  if (read && most_ != 0) found_ = balance.FindSurplus(most_);
}

void DumpQuestions::Add(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> chunk;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_bytes_ < kMaxWaiting || is_done_; });
  if (is_done_) return;
  if (!spare_.empty()) {
    chunk = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  chunk.assign(bytes.begin(), bytes.end());
  lock.lock();
  chunks_.push_back(std::move(chunk));
  waiting_bytes_ += bytes.size();
  changed_.notify_all();
}

std::vector<std::uint64_t> DumpQuestions::Finish(std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    most_ = most;
    if (most == 0) {
      chunks_.clear();  // nobody wants to know
      waiting_bytes_ = 0;
    }
    changed_.notify_all();
  }
  thread_.join();
  return std::move(found_);
}

}  // namespace memwhy::recorder
