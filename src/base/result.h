// SPDX-License-Identifier: Apache-2.0
// Error and Result<T>: how everything below the command line reports failure. The interface is that
// of std::expected, so that it can be replaced by it. A message gains context while it rises:
//   if (!text) return text.error().With("cgroup limit of {}", cgroup);
// Asking a failed result for its value is a programmer error and stops the program.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace memwhy {

class [[nodiscard]] Error {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}

  // Formats the message: Error::Of("no such process {}", pid).
  template <typename... Args>
  static Error Of(fmt::format_string<Args...> format, Args&&... args) {
    return Error(fmt::format(format, std::forward<Args>(args)...));
  }

  // "operation: strerror(error_number)".
  static Error FromErrno(int error_number, std::string_view operation);

  // Puts context in front: "context: message".
  template <typename... Args>
  Error With(fmt::format_string<Args...> format, Args&&... args) const {
    return Error(fmt::format(format, std::forward<Args>(args)...) + ": " + message_);
  }

  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  // Lets a type that converts to T be returned directly (a derived unique_ptr, a literal).
  template <typename U>
    requires(std::is_convertible_v<U &&, T> && !std::is_same_v<std::decay_t<U>, T> &&
             !std::is_same_v<std::decay_t<U>, Error> && !std::is_same_v<std::decay_t<U>, Result>)
  Result(U&& value)  // NOLINT
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Result*>(this)->Checked(); }
  T&& value() && { return std::move(Checked()); }

  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }

  template <typename U>
  T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }

  const Error& error() const {
    MEMWHY_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  T& Checked() {
    if (!has_value()) CheckFailed(__FILE__, __LINE__, error().message().c_str());
    return *std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  void value() const {
    if (!has_value()) CheckFailed(__FILE__, __LINE__, error().message().c_str());
  }
  const Error& error() const {
    MEMWHY_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace memwhy

#define MEMWHY_CONCAT_INNER(a, b) a##b
#define MEMWHY_CONCAT(a, b) MEMWHY_CONCAT_INNER(a, b)

// MEMWHY_TRY(auto text, fs.ReadSmall(path)); returns the error from the calling function, or
// declares (or assigns) the value.
#define MEMWHY_TRY(declaration, ...) \
  MEMWHY_TRY_INNER(MEMWHY_CONCAT(memwhy_try_, __LINE__), declaration, __VA_ARGS__)
#define MEMWHY_TRY_INNER(temporary, declaration, ...) \
  auto temporary = (__VA_ARGS__);                     \
  if (!temporary) return temporary.error();           \
  declaration = *std::move(temporary)

// For Result<void>.
#define MEMWHY_TRY_VOID(...)                              \
  do {                                                    \
    auto memwhy_try_void = (__VA_ARGS__);                 \
    if (!memwhy_try_void) return memwhy_try_void.error(); \
  } while (false)
