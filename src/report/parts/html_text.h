// SPDX-License-Identifier: Apache-2.0
//
// The pieces that every HTML view is made of. Invariant: whatever comes from a recording passes
// through Escape exactly once, so no name can become markup. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace memwhy::report {

// For text nodes and for double-quoted attributes. Hidden characters are written out.
std::string Escape(std::string_view text);

// "<span title="12,345 bytes">12.1 KiB</span>"; "unknown" without a value.
std::string BytesHtml(std::optional<Bytes> bytes);
// Signed, without a plus.
std::string AmountHtml(std::optional<SignedBytes> bytes);
// "+312 MiB"; a minus is U+2212.
std::string ChangeHtml(std::optional<SignedBytes> bytes);

// A line of a list of terms: "<dt>NAME</dt><dd>HTML</dd>". Both are HTML already.
std::string TermHtml(const std::string& name, const std::string& html);

// A name that can be a CSS class or an id: ASCII letters, digits and '-'; "x" when nothing is left.
std::string ClassName(std::string_view text);

// "sha256-BASE64" of a script or style element's text, for a Content-Security-Policy.
std::string ContentHash(std::string_view text);

}  // namespace memwhy::report
