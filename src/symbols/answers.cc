// SPDX-License-Identifier: Apache-2.0
#include "symbols/answers.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <string_view>
#include <unordered_map>

#include "wire/varint.h"

namespace memwhy::symbols {
namespace {

constexpr std::string_view kMagic = "mwsym1\n";

class Output {
 public:
  void Number(std::uint64_t value) {
    std::uint8_t bytes[wire::kMaxVarintBytes];
    bytes_.insert(bytes_.end(), bytes, wire::PutVarint(bytes, value));
  }
  void Text(std::string_view text) {
    Number(text.size());
    Raw(text);
  }
  void Raw(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  std::vector<std::uint8_t> Finish() {
    const std::uint64_t sum = XXH64(bytes_.data(), bytes_.size(), 0);
    const std::size_t end = bytes_.size();
    bytes_.resize(end + sizeof(sum));
    std::memcpy(bytes_.data() + end, &sum, sizeof(sum));
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

// Reads on after an error as if all were 0; the caller asks is_damaged() before it believes.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  std::uint64_t Number() {
    std::uint64_t value = 0;
    const std::uint8_t* after = at_ == nullptr ? nullptr : wire::GetVarint(at_, end_, &value);
    at_ = after;
    return after == nullptr ? 0 : value;
  }
  // How many things follow that take at least one byte each.
  std::uint64_t Count() {
    const std::uint64_t count = Number();
    if (at_ != nullptr && count > static_cast<std::uint64_t>(end_ - at_)) at_ = nullptr;
    return at_ == nullptr ? 0 : count;
  }
  std::string Text() {
    const std::uint64_t size = Count();
    if (at_ == nullptr) return "";
    std::string text(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return text;
  }
  bool is_damaged() const { return at_ == nullptr; }
  bool is_at_end() const { return at_ == end_; }

 private:
  const std::uint8_t* at_;  // nullptr: damaged
  const std::uint8_t* end_;
};

}  // namespace

std::vector<std::uint8_t> EncodeAnswers(const Answers& answers) {
  std::unordered_map<std::string_view, std::uint64_t> numbers;
  std::vector<std::string_view> texts;
  const auto number_of = [&](std::string_view text) {
    const auto [at, is_new] = numbers.try_emplace(text, texts.size());
    if (is_new) texts.push_back(text);
    return at->second;
  };
  for (const auto& [address, locations] : answers.by_address) {
    for (const Location& one : locations) {
      number_of(one.function);
      number_of(one.file);
    }
  }
  Output out;
  out.Raw(kMagic);
  out.Text(answers.made_from);
  out.Number(texts.size());
  for (const std::string_view text : texts) out.Text(text);
  out.Number(answers.by_address.size());
  std::uint64_t before = 0;
  for (const auto& [address, locations] : answers.by_address) {
    out.Number(address - before);
    before = address;
    out.Number(locations.size());
    for (const Location& one : locations) {
      out.Number(number_of(one.function));
      out.Number(number_of(one.file));
      out.Number(static_cast<std::uint64_t>(one.line < 0 ? 0 : one.line));
      out.Number(one.is_inlined ? 1 : 0);
    }
  }
  return out.Finish();
}

Result<Answers> DecodeAnswers(std::span<const std::uint8_t> bytes) {
  constexpr std::uint64_t kMaxLine = 0x7fffffff;
  std::uint64_t sum = 0;
  if (bytes.size() < kMagic.size() + sizeof(sum) ||
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return Error::Of("no symbols of memwhy, or of another version");
  }
  const std::span<const std::uint8_t> body = bytes.first(bytes.size() - sizeof(sum));
  std::memcpy(&sum, bytes.data() + body.size(), sizeof(sum));
  if (XXH64(body.data(), body.size(), 0) != sum) return Error::Of("the checksum does not fit");
  Input in(body.subspan(kMagic.size()));
  Answers answers;
  answers.made_from = in.Text();
  std::vector<std::string> texts(in.Count());
  for (std::string& text : texts) text = in.Text();
  const std::uint64_t addresses = in.Count();
  std::uint64_t address = 0;
  bool is_sound = true;
  for (std::uint64_t i = 0; i < addresses && is_sound && !in.is_damaged(); ++i) {
    const std::uint64_t more = in.Number();
    is_sound = (i == 0 || more != 0) && address + more >= address;
    address += more;
    Locations locations(in.Count());
    for (Location& one : locations) {
      const std::uint64_t function = in.Number();
      const std::uint64_t file = in.Number();
      const std::uint64_t line = in.Number();
      if (function >= texts.size() || file >= texts.size() || line > kMaxLine || in.is_damaged()) {
        is_sound = false;
        break;
      }
      one = {texts[function], texts[file], static_cast<int>(line), in.Number() != 0};
    }
    answers.by_address.emplace_hint(answers.by_address.end(), address, std::move(locations));
  }
  if (in.is_damaged() || !is_sound || !in.is_at_end()) return Error::Of("it is damaged");
  return answers;
}

}  // namespace memwhy::symbols
