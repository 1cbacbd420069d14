// SPDX-License-Identifier: Apache-2.0
//
// Which names speak of a secret, in any spelling: db_password, --api-key, X-Auth-Token, dbPass.
// Pure.
#pragma once

#include <string_view>

namespace memwhy::recorder {

// The value of such a name is not shown.
bool SpeaksOfSecret(std::string_view name);

// Of a name that only may speak of one (tokens, max_tokens): a plain number is none.
bool IsHarmlessValue(std::string_view name, std::string_view value);

}  // namespace memwhy::recorder
