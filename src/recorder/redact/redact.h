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
#include <vector>

#include "base/result.h"
#include "model/recording.h"
#include "wire/redaction.h"

namespace memwhy::recorder {

// What is stored of a command: RedactCommand, with --redact RedactAllArguments.
std::string CommandText(std::span<const std::string> arguments, bool redacts);

std::string RedactCommand(std::span<const std::string> arguments);

// Without any argument: "python app.py (3 arguments)"; of a script or module its name stays.
std::string RedactAllArguments(std::span<const std::string> arguments);

// With --redact: names of mapped files that are no code (no part of them is executable), of shared
// memory and of named anonymous memory become tokens. Folders of shared memory, the kernel's own
// names ("[heap]") and our rings keep theirs.
void RedactMappings(const wire::RedactionKey& key, std::vector<model::Mapping>* mappings);

// A key that nobody can guess; an error: the kernel gives no random numbers.
Result<wire::RedactionKey> MakeRedactionKey();
// As wire::ParseRedactionKey reads it.
std::string KeyDigits(const wire::RedactionKey& key);

}  // namespace memwhy::recorder
