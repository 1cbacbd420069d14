// SPDX-License-Identifier: Apache-2.0
//
// A knob behind HTTP: one request with {{limit}} in its body or URL, and one that says what is in
// effect. A token comes from an environment variable and is never part of a message. One thread.
#pragma once

#include <string>

#include "base/http_url.h"
#include "govern/actuators/actuator.h"

namespace memwhy::govern {

struct HttpKnob {
  HttpUrl url;
  std::string method = "POST";  // POST, PUT, PATCH, GET
  std::string body;             // "": no body
  std::string token;            // "": no Authorization
  std::int64_t timeout_ms = 1000;
};

// The body of the answer. Error: not reached, or another status than 2xx.
Result<std::string> SendKnob(const HttpKnob& knob);

class HttpActuator : public Actuator {
 public:
  // `read` with an empty host: it cannot be confirmed. `pointer` is a JSON pointer in its answer.
  HttpActuator(HttpKnob write, HttpKnob read, std::string pointer);
  Result<void> Apply(const Limit& limit) override;
  Result<ActuatorView> Read() override;
  bool confirms() const override { return !read_.url.host.empty(); }

 private:
  HttpKnob write_;
  HttpKnob read_;
  std::string pointer_;
};

class HttpRemedy : public Remedy {
 public:
  explicit HttpRemedy(HttpKnob knob);
  Result<void> Do() override;

 private:
  HttpKnob knob_;
};

}  // namespace memwhy::govern
