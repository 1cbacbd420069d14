// SPDX-License-Identifier: Apache-2.0
//
// A command line as it may be stored and shown: values of arguments whose name speaks of a secret
// and passwords in URLs become "***", control characters "?", and the text is cut. Pure.
#pragma once

#include <span>
#include <string>

namespace memwhy::recorder {

std::string RedactCommand(std::span<const std::string> arguments);

}  // namespace memwhy::recorder
