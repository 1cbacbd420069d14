// SPDX-License-Identifier: Apache-2.0
#include "gate/notify/webhook.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "gate/notify/message.h"

namespace memwhy::gate {
namespace {

// A receiver on the loopback that answers as it is told.
class WebhookTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.Post("/secret/path",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   const std::lock_guard lock(mutex_);
                   const std::size_t number = received_++;
                   body_ = request.body;
                   response.status = number < answers_.size() ? answers_[number] : 200;
                   if (response.status == 429) response.set_header("Retry-After", retry_after_);
                   if (response.status == 302) response.set_header("Location", "/elsewhere");
                 });
    server_.Post("/elsewhere",
                 [this](const httplib::Request&, httplib::Response&) { is_redirected_ = true; });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  void TearDown() override {
    server_.stop();
    thread_.join();
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/secret/path"; }
  Result<void> Post() {
    WebhookOptions options;
    options.sleep = [this](double seconds) { waits_.push_back(seconds); };
    return PostJson(Url(), "{\"a\":1}", options);
  }
  void AnswerWith(std::vector<int> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
    received_ = 0;
  }
  std::string Body() {
    const std::lock_guard lock(mutex_);
    return body_;
  }

  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::atomic<std::size_t> received_ = 0;
  std::atomic<bool> is_redirected_ = false;
  std::mutex mutex_;
  std::string body_;  // under mutex_, as the next two
  std::string retry_after_ = "7";
  std::vector<int> answers_;
  std::vector<double> waits_;
};

TEST_F(WebhookTest, DeliversTheBodyOnce) {
  EXPECT_TRUE(Post());
  EXPECT_EQ(received_, 1u);
  EXPECT_EQ(Body(), "{\"a\":1}");
}

TEST_F(WebhookTest, TriesAgainWithBackOffAfterErrorsThatPass) {
  AnswerWith({500, 503});
  EXPECT_TRUE(Post());
  EXPECT_EQ(received_, 3u);
  EXPECT_EQ(waits_, (std::vector<double>{1, 2}));
}

TEST_F(WebhookTest, WaitsAsLongAsItIsAskedTo) {
  AnswerWith({429});
  EXPECT_TRUE(Post());
  EXPECT_EQ(waits_, std::vector<double>{7});
}

TEST_F(WebhookTest, DoesNotWaitForHours) {
  retry_after_ = "86400";  // before the lock of AnswerWith, so the server sees it
  AnswerWith({429});
  EXPECT_FALSE(Post());
  EXPECT_TRUE(waits_.empty());
}

TEST_F(WebhookTest, GivesUpAfterFourAttempts) {
  AnswerWith({500, 500, 500, 500, 500});
  const auto posted = Post();
  ASSERT_FALSE(posted);
  EXPECT_EQ(received_, 4u);
  EXPECT_EQ(posted.error().message().find("secret"), std::string::npos);
}

TEST_F(WebhookTest, RefusalIsFinalAndRedirectsAreNotFollowed) {
  for (const int status : {400, 403, 404, 302}) {
    AnswerWith({status});
    const auto posted = Post();
    ASSERT_FALSE(posted);
    EXPECT_EQ(received_, 1u);
    EXPECT_EQ(posted.error().message().find("secret"), std::string::npos);
  }
  EXPECT_FALSE(is_redirected_);
}

TEST_F(WebhookTest, NoReceiverIsAnErrorWithoutTheSecret) {
  server_.stop();
  WebhookOptions options;
  options.attempts = 2;
  options.sleep = [](double) {};
  const auto posted = PostJson("http://127.0.0.1:1/secret", "{}", options);
  ASSERT_FALSE(posted);
  EXPECT_NE(posted.error().message().find("cannot be reached"), std::string::npos);
  EXPECT_EQ(posted.error().message().find("secret"), std::string::npos);
}

TEST_F(WebhookTest, OddUrlsAreRefusedWithoutShowingThem) {
  for (const char* url : {"", "secret", "ftp://host/secret", "http://", "http:///secret",
                          "http://user:secret@host/", "http://host/secret\r\nX: y"}) {
    const auto posted = PostJson(url, "{}");
    ASSERT_FALSE(posted) << url;
    EXPECT_EQ(posted.error().message().find("secret"), std::string::npos);
  }
}

TEST(WebhookMessageTest, AddressOfAlertmanagerGetsThePath) {
  EXPECT_EQ(AlertsUrl("http://am:9093"), "http://am:9093/api/v2/alerts");
  EXPECT_EQ(AlertsUrl("http://am:9093/"), "http://am:9093/api/v2/alerts");
  EXPECT_EQ(AlertsUrl("http://am/x/api/v2/alerts"), "http://am/x/api/v2/alerts");
}

GateResult ResultOf(State state) {
  GateResult result;
  result.state = state;
  result.made = "2026-12-01T12:00:00Z";
  WorkloadResult& workload = result.workloads.emplace_back();
  workload.name = "<!channel> *serve* <http://x|y>";
  workload.state = state;
  for (int i = 0; i < 30; ++i) {
    BoundResult& bound = workload.bounds.emplace_back();
    bound.metric = FindMetric("rss_peak");
    bound.state = state;
    bound.candidate_median = 1 << 20;
    bound.why = "why";
  }
  return result;
}

TEST(WebhookMessageTest, SlackHasTwelveLinesAtMostAndNoMention) {
  const std::string text = SlackMessage(ResultOf(State::kRegress));
  const auto document = nlohmann::json::parse(text);
  const std::string details = document["blocks"][1]["text"]["text"];
  EXPECT_LE(std::count(details.begin(), details.end(), '\n'), 11);
  EXPECT_LE(details.size(), 3000u);
  EXPECT_EQ(details.find('<'), std::string::npos);
  EXPECT_NE(document["text"].get<std::string>().find("REGRESS"), std::string::npos);
}

TEST(WebhookMessageTest, AlertsFireOrAreResolved) {
  const auto firing = nlohmann::json::parse(AlertmanagerAlerts(ResultOf(State::kRegress)));
  EXPECT_EQ(firing[0]["labels"]["alertname"], "MemwhyGate");
  EXPECT_FALSE(firing[0].contains("endsAt"));
  const auto resolved = nlohmann::json::parse(AlertmanagerAlerts(ResultOf(State::kPass)));
  EXPECT_EQ(resolved[0]["endsAt"], resolved[0]["startsAt"]);
}

}  // namespace
}  // namespace memwhy::gate
