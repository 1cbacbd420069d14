// SPDX-License-Identifier: Apache-2.0
#include "session/fact_text.h"

#include <string>
#include <vector>

namespace memwhy::session {
namespace {

// What nlohmann calls for each thing that it reads; false ends the reading.
class FactMeasure : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t&) override { return Value(); }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return Value(); }
  bool start_object(std::size_t) override { return Value() && Open(); }
  bool start_array(std::size_t) override { return Value() && Open(); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t&) override {
    return ++members_.back() <= kMaxFactMembers || Bad("an object of a fact has too many members");
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Bad("a fact is no JSON");
  }

  std::string_view why() const { return why_; }

 private:
  bool Bad(std::string_view why) {
    if (why_.empty()) why_ = why;
    return false;
  }
  bool Value() { return ++values_ <= kMaxFactValues || Bad("a fact has too many values"); }
  bool Open() {
    members_.push_back(0);
    return members_.size() <= kMaxFactDepth || Bad("a fact is nested too deeply");
  }
  bool Close() {
    members_.pop_back();
    return true;
  }

  std::string_view why_;
  std::size_t values_ = 0;
  std::vector<std::size_t> members_;  // of what is open
};

}  // namespace

std::string_view WhyNoFact(std::string_view text) {
  FactMeasure measure;
  if (nlohmann::json::sax_parse(text, &measure)) return {};
  return measure.why().empty() ? std::string_view("a fact is no JSON") : measure.why();
}

}  // namespace memwhy::session
