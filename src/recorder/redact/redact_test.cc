// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact/redact.h"

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

// Each with a secret, SECRET or what looks like one, that must not be left; and what must be.
struct Case {
  std::vector<std::string> arguments;
  std::string shown;
};

TEST(RedactTest, EverySpellingOfASecretGoes) {
  const std::vector<Case> cases = {
      {{"a", "--password", "SECRET"}, "a --password ***"},
      {{"a", "-password", "SECRET"}, "a -password ***"},
      {{"a", "--password=SECRET"}, "a --password=***"},
      {{"a", "--dbPass=SECRET"}, "a --dbPass=***"},
      {{"a", "--db-pwd", "SECRET"}, "a --db-pwd ***"},
      {{"a", "PASSWORD=SECRET"}, "a PASSWORD=***"},
      {{"a", "PGPASSWORD=SECRET"}, "a PGPASSWORD=***"},
      {{"a", "MYSQL_PWD=SECRET"}, "a MYSQL_PWD=***"},
      {{"a", "--apikey", "SECRET"}, "a --apikey ***"},
      {{"a", "--api_key", "SECRET"}, "a --api_key ***"},
      {{"a", "--apiKey=SECRET"}, "a --apiKey=***"},
      {{"a", "--OPENAI-API-KEY=SECRET"}, "a --OPENAI-API-KEY=***"},
      {{"a", "--access.key=SECRET"}, "a --access.key=***"},
      {{"a", "--auth", "SECRET"}, "a --auth ***"},
      {{"a", "--client-secret", "SECRET"}, "a --client-secret ***"},
      {{"a", "--hf-token=SECRET"}, "a --hf-token=***"},
      {{"a", "--jwt", "SECRET"}, "a --jwt ***"},
      {{"a", "--set", "db.password=SECRET"}, "a --set db.password=***"},
      {{"a", "-Dspring.datasource.password=SECRET"}, "a -Dspring.datasource.password=***"},
      {{"mysql", "-uroot", "-pSECRET", "db"}, "mysql -uroot -p*** db"},
      {{"env", "X=1", "/usr/bin/mysqldump", "-pSECRET"}, "env X=1 /usr/bin/mysqldump -p***"},
      {{"sshpass", "-p", "SECRET", "ssh", "h"}, "sshpass -p *** ssh h"},
      {{"redis-cli", "-a", "SECRET"}, "redis-cli -a ***"},
      {{"docker", "login", "-u", "me", "-p", "SECRET"}, "docker login -u me -p ***"},
      {{"curl", "-u", "me:SECRET", "h"}, "curl -u me:*** h"},
      {{"curl", "-ume:SECRET", "h"}, "curl -ume:*** h"},
      {{"curl", "--user=me:SECRET", "h"}, "curl --user=me:*** h"},
      {{"smbclient", "-U", "me%SECRET"}, "smbclient -U me%***"},
      {{"openssl", "-passin", "pass:SECRET"}, "openssl -passin ***"},
      {{"7z", "x", "-pSECRET"}, "7z x -p***"},
      {{"curl", "-H", "Authorization: Bearer SECRETS"}, "curl -H Authorization: ***"},
      {{"curl", "-H", "X-Api-Key: SECRET"}, "curl -H X-Api-Key: ***"},
      {{"curl", "-HX-Auth-Token:SECRET"}, "curl -HX-Auth-Token:***"},
      {{"curl", "-H", "Cookie: a=SECRET; b=SECRET"}, "curl -H Cookie: ***"},
      {{"http", "h", "Authorization:", "Bearer", "SECRET"}, "http h Authorization: Bearer ***"},
      {{"a", "say", "Bearer SECRETS now"}, "a say Bearer *** now"},
      {{"postgresql://me:SECRET@h:5432/db?x=1"}, "postgresql://me:***@h:5432/db?x=1"},
      {{"redis://:SECRET@h/0"}, "redis://:***@h/0"},
      {{"amqp://me:SEC/RET@h"}, "amqp://me:***@h"},
      {{"amqp://me:SEC@RET@h/v"}, "amqp://me:***@h/v"},
      {{"https://SECRETSECRETSECRET@github.com/a"}, "https://***@github.com/a"},
      {{"--urls=http://a:SECRET@h,http://b:SECRET@i"}, "--urls=http://a:***@h,http://b:***@i"},
      {{"https://h/a?x=1&api_key=SECRET&y=2"}, "https://h/a?x=1&api_key=***&y=2"},
      {{"https://h/a?access_token=SECRET#f"}, "https://h/a?access_token=***"},
      {{"https://h/b?se=2030&sig=SECRET%3D"}, "https://h/b?se=2030&sig=***"},
      {{"https://h/?u=http%3A//h%3Ftoken%3DSECRET"}, "https://h/?u=http%3A//h%3Ftoken%3D***"},
      {{R"({"user": "me", "password": "SECRET", "n": 1})"},
       R"({"user": "me", "password": "***", "n": 1})"},
      {{R"({"auth":{"token":"SEC\"RET"}})"}, R"({"auth":{"token":"***"}})"},
      {{R"(x={\"apiKey\":\"SECRET\"})"}, R"(x={\"apiKey\":\"***)"},
      {{"{'client_secret': 'SECRET'}"}, "{'client_secret': '***'}"},
      {{"password: SECRET"}, "password: ***"},
      {{"host=h user=me password=SECRET dbname=d"}, "host=h user=me password=*** dbname=d"},
      {{"AccountName=a;AccountKey=SECRET==;Suffix=s"}, "AccountName=a;AccountKey=***;Suffix=s"},
      {{"Server=h;Uid=me;Pwd=SECRET;"}, "Server=h;Uid=me;Pwd=***;"},
      {{"sh", "-c", "mysql -pSECRET db"}, "sh -c mysql -p*** db"},
      {{"sh", "-c", "TOKEN=SECRET exec app --api-key SECRET"},
       "sh -c TOKEN=*** exec app --api-key ***"},
      {{"sh", "-c", "app --password 'SECRET SECRET' x"}, "sh -c app --password '***' x"},
      {{"sh", "-c", "curl -H 'Authorization: Basic SECRET' h"},
       "sh -c curl -H 'Authorization: ***' h"},
      {{"python", "-c", "connect(password='SECRET')"}, "python -c connect(password='***')"},
      {{"python", "-c", "os.environ['API_TOKEN'] = 'SECRET'"},
       "python -c os.environ['API_TOKEN'] = '***'"},
      {{"a", "AKIAIOSFODNN7EXAMPLE"}, "a ***"},
      {{"a", "x=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, "a x=***"},
      {{"a", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}, "a ***"},
      {{"a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"}, "a ***"},
      {{"a", "sk-proj-abcdefghijklmnop1234"}, "a ***"},
      {{"a", "k:hf_abcdefghijklmnopqrstuvwx"}, "a k:***"},
      {{"a", "xoxb-123456789012-abcdef"}, "a ***"},
      {{"a", "x-Zx8Kq2Lw9Np4Rt7Vb1Yc5Md3Fg6Hj0Ks2"}, "a ***"},
      {{"a", "-----BEGIN RSA PRIVATE KEY-----\nSECRET\n-----END RSA PRIVATE KEY----- b"},
       "a *** b"},
  };
  for (const Case& one : cases) {
    const std::string shown = Redact(one.arguments);
    EXPECT_EQ(shown, one.shown);
    EXPECT_EQ(shown.find("SECRET"), std::string::npos) << shown;
  }
}

TEST(RedactTest, WhatIsNoSecretStays) {
  const std::vector<std::vector<std::string>> cases = {
      {"python", "-m", "vllm", "--max-tokens", "4096", "--max-tokens=4096"},
      {"a", "--tokenizer", "mistralai/Mistral-7B", "--tokenizer-mode=auto"},
      {"a", "--password-file=/run/secrets/db", "--token-path", "/run/token"},
      {"docker", "run", "-p", "80:80", "-u", "1000:1000", "image"},
      {"psql", "-p", "5432", "-U", "me"},
      {"ssh", "-p", "22", "git@github.com:me/app.git"},
      {"gunicorn", "app:create", "-b", "0.0.0.0:80", "--bypass", "--compass=1"},
      {"python", "train.py", "--pin-memory", "1", "--author=me", "--key", "x"},
      {"a", "/srv/models/Meta-Llama-3.1-8B-Instruct/model-00001-of-00004.safetensors"},
      {"a", "--commit=da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {"a", "https://host:8080/a?page=2&sort=name", "12:30", "C:\\x"},
      {"a", "--pad-token-id=0", "550e8400-e29b-41d4-a716-446655440000"},
      {"sh", "-c", "exec app --password \"$PASSWORD\""},
  };
  for (const auto& arguments : cases) {
    std::string plain;
    for (const std::string& argument : arguments) plain += (plain.empty() ? "" : " ") + argument;
    EXPECT_EQ(Redact(arguments), plain);
  }
}

TEST(RedactTest, WithoutArgumentsTheProgramStays) {
  const auto all = [](std::vector<std::string> arguments) { return RedactAllArguments(arguments); };
  EXPECT_EQ(all({"/usr/bin/python3", "/home/me/app.py", "a", "b"}), "python3 app.py (2 arguments)");
  EXPECT_EQ(all({"python3.11", "-m", "app.main", "x"}), "python3.11 -m app.main (1 argument)");
  EXPECT_EQ(all({"python", "-c", "x"}), "python (2 arguments)");
  EXPECT_EQ(all({"gunicorn"}), "gunicorn");
  EXPECT_EQ(all({}), "");
}

TEST(RedactTest, ControlCharactersGoAndLongTextIsCut) {
  EXPECT_EQ(Redact({"a\nb"}), "a?b");
  EXPECT_LE(Redact({std::string(5000, 'a')}).size(), 1027u);
}

}  // namespace
}  // namespace memwhy::recorder
