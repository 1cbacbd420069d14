// SPDX-License-Identifier: Apache-2.0
//
// A command line as it may be stored and shown. Secrets become "***": values of arguments, of
// variables, of parameters in URLs and of members in JSON whose name speaks of one; passwords in
// URLs and in options of tools that are known to take one (mysql -pX, curl -u me:X); headers that
// authorize; and what looks like a key or a token wherever it stands. Control characters become
// "?", and the text is cut. Pure. docs/privacy.md says it for users.
#pragma once

#include <span>
#include <string>

namespace memwhy::recorder {

// What is stored of a command: RedactCommand, with --redact RedactAllArguments.
std::string CommandText(std::span<const std::string> arguments, bool redacts);

std::string RedactCommand(std::span<const std::string> arguments);

// Without any argument: "python app.py (3 arguments)"; of a script or module its name stays.
std::string RedactAllArguments(std::span<const std::string> arguments);

}  // namespace memwhy::recorder
