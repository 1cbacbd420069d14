// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <system_error>

namespace memwhy {

Error Error::FromErrno(int error_number, std::string_view operation) {
  return Error(std::string(operation) + ": " + std::generic_category().message(error_number));
}

}  // namespace memwhy
