// SPDX-License-Identifier: Apache-2.0
#include "readers/valgrind_xml_reader.h"

#include <expat.h>
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/strings.h"

namespace memwhy::readers {
namespace {

constexpr std::size_t kMaxArguments = 1000;
constexpr std::size_t kFeedBytes = std::size_t{1} << 20;  // expat counts in int

// "0x1F": what valgrind writes for addresses and for its own numbers of errors.
std::uint64_t Hex(std::string_view text) {
  text = Trim(text);
  if (!ConsumePrefix(text, "0x") && !ConsumePrefix(text, "0X")) return 0;
  return ParseHex(text).value_or(0);
}

int LineNumber(std::string_view text) {
  const auto number = ParseUint(Trim(text));
  return number && *number <= 100'000'000 ? static_cast<int>(*number) : 0;
}

}  // namespace

class ValgrindXmlReader::Parser {
 public:
  Parser() : expat_(XML_ParserCreate(nullptr)) {
    if (expat_ == nullptr) {
      run_.damage = "no memory for the XML parser";
      return;
    }
    XML_SetUserData(expat_, this);
    XML_SetElementHandler(
        expat_,
        [](void* self, const XML_Char* name, const XML_Char**) {
          static_cast<Parser*>(self)->Open(name);
        },
        [](void* self, const XML_Char*) { static_cast<Parser*>(self)->Close(); });
    XML_SetCharacterDataHandler(expat_, [](void* self, const XML_Char* text, int length) {
      static_cast<Parser*>(self)->Text({text, static_cast<std::size_t>(length)});
    });
    XML_SetStartDoctypeDeclHandler(
        expat_, [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
          static_cast<Parser*>(self)->Stop("it has a document type, which valgrind never writes");
        });
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    if (expat_ != nullptr) XML_ParserFree(expat_);
  }

  void Feed(std::string_view text) {
    while (!text.empty() && run_.damage.empty()) {
      const std::string_view piece = text.substr(0, kFeedBytes);
      text.remove_prefix(piece.size());
      Parse(piece, false);
    }
  }

  model::MemcheckRun Finish() {
    if (run_.damage.empty()) Parse({}, true);
    for (model::MemcheckError& error : run_.errors) {
      const auto counted = counts_.find(error.id);
      if (counted != counts_.end()) error.count = std::max<std::uint64_t>(1, counted->second);
    }
    return std::move(run_);
  }

 private:
  void Parse(std::string_view piece, bool is_last) {
    if (XML_Parse(expat_, piece.data(), static_cast<int>(piece.size()), is_last) ==
        XML_STATUS_ERROR) {
      Stop(fmt::format("line {}: {}", XML_GetCurrentLineNumber(expat_),
                       XML_ErrorString(XML_GetErrorCode(expat_))));
    }
  }

  void Stop(std::string why) {
    if (run_.damage.empty()) run_.damage = std::move(why);
    XML_StopParser(expat_, XML_FALSE);
  }

  void Open(std::string_view name) {
    if (!run_.damage.empty()) return;
    if (path_.size() >= kMaxDepth) {
      Stop("its elements are nested too deeply");
      return;
    }
    if (path_.empty() && name != "valgrindoutput") {
      Stop(fmt::format("it is no output of valgrind: it begins with <{}>", name.substr(0, 40)));
      return;
    }
    path_.emplace_back(name.substr(0, 64));
    text_.clear();
    if (path_.size() == 2 && name == "error") error_ = {};
    if (path_.size() == 3 && name == "stack" && path_[1] == "error") {
      model::MemcheckStack stack;
      stack.says = std::exchange(stack_says_, "");
      stack_ = std::move(stack);
    }
    if (name == "frame") frame_ = {};
    if (name == "pair") {
      pair_count_ = 0;
      pair_id_ = 0;
    }
  }

  void Text(std::string_view text) {
    if (text_.size() < kMaxText) text_.append(text.substr(0, kMaxText - text_.size()));
  }

  bool IsAt(std::size_t depth, std::string_view name) const {
    return path_.size() > depth && path_[depth] == name;
  }

  void Close() {
    if (!run_.damage.empty() || path_.empty()) return;
    const std::string name = path_.back();
    if (IsAt(1, "error")) {
      CloseInError(name);
    } else if (IsAt(1, "errorcounts")) {
      if (name == "count") pair_count_ = ParseUint(Trim(text_)).value_or(0);
      if (name == "unique") pair_id_ = Hex(text_);
      if (name == "pair" && counts_.size() < kMaxErrors) counts_[pair_id_] = pair_count_;
    } else if (IsAt(1, "fatal_signal")) {
      if (name == "signame") run_.fatal_signal = text_;
    } else if (IsAt(1, "status")) {
      if (name == "state" && Trim(text_) == "FINISHED") run_.is_finished = true;
    } else if (IsAt(1, "args") && IsAt(2, "argv")) {
      if (path_.size() == 4 && run_.command.size() < kMaxArguments) run_.command.push_back(text_);
    } else if (path_.size() == 2) {
      if (name == "pid") run_.pid = Pid();
      if (name == "ppid") run_.parent = Pid();
      if (name == "tool") run_.tool = text_;
    }
    path_.pop_back();
    text_.clear();
  }

  std::uint32_t Pid() const {
    const auto number = ParseUint(Trim(text_));
    return number && *number <= 0xffffffffu ? static_cast<std::uint32_t>(*number) : 0;
  }

  void CloseInError(const std::string& name) {
    if (IsAt(2, "stack")) {
      if (IsAt(3, "frame")) {
        CloseInFrame(name);
      } else if (path_.size() == 3 && error_.stacks.size() < kMaxStacks) {
        error_.stacks.push_back(std::move(stack_));
      }
      return;
    }
    if (path_.size() == 2) {
      if (run_.errors.size() < kMaxErrors) {
        run_.errors.push_back(std::move(error_));
      } else {
        ++run_.left_out;
      }
      return;
    }
    if (name == "unique") error_.id = Hex(text_);
    if (name == "kind") error_.kind = text_;
    if (name == "what" || (name == "text" && IsAt(2, "xwhat"))) error_.says = text_;
    if (name == "leakedbytes") error_.leaked_bytes = ParseUint(Trim(text_));
    if (name == "leakedblocks") error_.leaked_blocks = ParseUint(Trim(text_));
    if (name == "auxwhat" || (name == "text" && IsAt(2, "xauxwhat"))) stack_says_ = text_;
  }

  void CloseInFrame(const std::string& name) {
    if (path_.size() == 4) {
      if (stack_.frames.size() < kMaxFrames) stack_.frames.push_back(std::move(frame_));
      return;
    }
    if (name == "ip") frame_.address = Hex(text_);
    if (name == "obj") frame_.object = text_;
    if (name == "fn") frame_.function = text_;
    if (name == "dir") frame_.directory = text_;
    if (name == "file") frame_.file = text_;
    if (name == "line") frame_.line = LineNumber(text_);
  }

  XML_Parser expat_;
  model::MemcheckRun run_;
  std::vector<std::string> path_;  // open elements, outermost first
  std::string text_;               // of the innermost one since its last child
  model::MemcheckError error_;
  model::MemcheckStack stack_;
  model::NativeFrame frame_;
  std::string stack_says_;  // for the next stack
  std::unordered_map<std::uint64_t, std::uint64_t> counts_;
  std::uint64_t pair_count_ = 0;
  std::uint64_t pair_id_ = 0;
};

ValgrindXmlReader::ValgrindXmlReader() : parser_(std::make_unique<Parser>()) {}
ValgrindXmlReader::~ValgrindXmlReader() = default;

void ValgrindXmlReader::Feed(std::string_view text) { parser_->Feed(text); }
model::MemcheckRun ValgrindXmlReader::Finish() { return parser_->Finish(); }

}  // namespace memwhy::readers
