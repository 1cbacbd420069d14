// SPDX-License-Identifier: Apache-2.0
#include "cli/unexpected.h"

#include <cxxabi.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/memory_bound.h"

namespace memwhy::cli {
namespace {

std::string NameOfException() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "none";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
  return status == 0 && plain != nullptr ? plain.get() : type->name();
}

int FailByFault() {
  return Fail(kExitEnvironment,
              fmt::format("the command cannot go on, by a fault of its own ({}); please report it, "
                          "with the command and what it has read",
                          NameOfException()));
}

}  // namespace

int FailByException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Fail(kExitEnvironment, OutOfMemoryMessage());
  } catch (const std::length_error&) {  // of a string or vector that would be larger than any
    return Fail(kExitEnvironment, OutOfMemoryMessage());
  } catch (...) {
    return FailByFault();
  }
}

void EndByException() {
  int code = kExitEnvironment;
  if (std::current_exception() != nullptr) code = FailByException();
  _exit(code);
}

}  // namespace memwhy::cli
