// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact.h"

#include <gtest/gtest.h>

#include <vector>

namespace memwhy::recorder {
namespace {

std::string Redact(std::vector<std::string> arguments) { return RedactCommand(arguments); }

TEST(RedactTest, HarmlessArgumentsStay) {
  EXPECT_EQ(Redact({"python", "-m", "app", "--port=80", "x=y"}), "python -m app --port=80 x=y");
}

TEST(RedactTest, ValuesOfSecretsGo) {
  EXPECT_EQ(Redact({"a", "--db-password=x"}), "a --db-password=***");
  EXPECT_EQ(Redact({"a", "--token", "x", "y"}), "a --token *** y");
  EXPECT_EQ(Redact({"a", "--token", "--quiet", "y"}), "a --token --quiet y");
  EXPECT_EQ(Redact({"env", "AWS_SECRET_ACCESS_KEY=x"}), "env AWS_SECRET_ACCESS_KEY=***");
  EXPECT_EQ(Redact({"a", "--api-key=x", "--API_KEY", "x"}), "a --api-key=*** --API_KEY ***");
}

TEST(RedactTest, PasswordsInUrlsGo) {
  EXPECT_EQ(Redact({"postgres://me:x@host/db"}), "postgres://me:***@host/db");
  EXPECT_EQ(Redact({"http://host:80/a@b"}), "http://host:80/a@b");
}

TEST(RedactTest, ControlCharactersGoAndLongTextIsCut) {
  EXPECT_EQ(Redact({"a\nb"}), "a?b");
  EXPECT_LE(Redact({std::string(5000, 'a')}).size(), 1027u);
}

}  // namespace
}  // namespace memwhy::recorder
