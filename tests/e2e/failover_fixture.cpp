#include "e2e/failover.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>

#include <sstream>
#include <utility>

namespace eco2::test {
namespace {

namespace json = boost::json;

constexpr std::string_view kChatPath = "/v1/chat/completions";
constexpr auto kLook = std::chrono::milliseconds(50);

std::string chat_body(std::string_view model, bool is_stream) {
    return R"({"model":")" + std::string(model) +
           R"(","messages":[{"role":"user","content":"How do I dispose of a bottle?"}])" +
           (is_stream ? R"(,"stream":true,"stream_options":{"include_usage":true}})" : "}");
}

unsigned short port_in(const std::string& banner) {
    constexpr std::string_view kMark = "OPENAI_BASE_URL=http://127.0.0.1:";
    const auto at = banner.find(kMark);
    return at == std::string::npos ? static_cast<unsigned short>(0)
                                   : static_cast<unsigned short>(std::atoi(banner.c_str() + at + kMark.size()));
}

/// All that comes until the peer closes; what is there after `limit`, if it does not.
std::pair<std::string, bool> read_until_closed(RawSocket& socket, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::string wire;
    while (std::chrono::steady_clock::now() < end) {
        const auto asked = std::chrono::steady_clock::now();
        const std::string some = socket.read_some_within(kLook);
        wire += some;
        // Nothing, and sooner than it was waited for: the end.
        if (some.empty() && std::chrono::steady_clock::now() - asked < kLook) {
            return {wire, true};
        }
    }
    return {wire, false};
}

}  // namespace

Failover::~Failover() {
    if (HasFailure() && fallback_process_ != nullptr) {
        std::printf("--- primary's bill\n%s\n", http(fake_port_, "GET", "/fake/bill").body.c_str());
        std::printf("--- fallback's bill\n%s\n", http(fallback_port_, "GET", "/fake/bill").body.c_str());
    }
}

void Failover::start_all(double scale, std::string_view fallback_model) {
    scale_ = scale;
    std::ostringstream scale_text;
    scale_text << scale;
    const Arguments options{"--vision-ms", "5", "--answer-ms", "5", "--fault-scale", scale_text.str()};
    ASSERT_NO_FATAL_FAILURE(start_fake(options));
    Arguments fallback{"fake-provider", "--listen", "127.0.0.1:0"};
    fallback.insert(fallback.end(), options.begin(), options.end());
    fallback_process_ = start(fallback);
    ASSERT_TRUE(fallback_process_->out_has("/fake/reset")) << ended(*fallback_process_);
    fallback_port_ = port_in(fallback_process_->out());
    ASSERT_NE(fallback_port_, 0);
    ASSERT_NO_FATAL_FAILURE(keep_expected_text());
    environment.erase("OPENAI_API_KEY");
    environment["PRIMARY_BASE_URL"] = "http://127.0.0.1:" + std::to_string(fake_port_) + "/v1";
    environment["FALLBACK_BASE_URL"] = "http://127.0.0.1:" + std::to_string(fallback_port_) + "/v1";
    environment["FALLBACK_MODEL"] = fallback_model;
    copy_config();
    if (scale != 1) {
        scale_configuration();
    }
    start_serve({"--config", config_dir / "examples" / "failover.toml"});
}

void Failover::scale_configuration() {
    const auto ms = [this](int time) { return std::to_string(scaled(Ms(time)).count()); };
    const auto file = config_dir / "examples" / "failover.toml";
    const std::string text = read(file);
    ASSERT_EQ(text.find("\n[routing"), std::string::npos) << "the shipped file says its own; scale that";
    write(file,
          text + "\n[routing]\nlimited_default_ms = " + ms(1'000) + "\nbreaker = { failures = 3, open_min_ms = " + ms(2'000) +
              ", open_max_ms = " + ms(20'000) + " }\n[routing.policy]\nheaders_ms = " + ms(10'000) +
              "\nfirst_content_ms = " + ms(10'000) + "\nbetween_contents_ms = " + ms(10'000) + "\nwhole_ms = " + ms(60'000) +
              "\nhint_wait_max_ms = " + ms(10'000) + "\nbackoff_base_ms = " + ms(500) + "\nbackoff_max_ms = " + ms(8'000) +
              "\n");
}

void Failover::keep_expected_text() {
    const auto reply = http(fallback_port_, "POST", kChatPath, chat_body("honest-model", false));
    ASSERT_EQ(reply.status, 200) << reply.body;
    const json::value body = json::parse(reply.body);
    const auto& text = body.at("choices").at(0).at("message").at("content").as_string();
    ASSERT_FALSE(text.empty());
    expected_whole_ = {std::string(text.data(), text.size()), false, true};
    expected_stream_ = {expected_whole_.text, true, true};
}

Failover::Answer Failover::chat(std::string_view model, bool is_stream, Ms limit) const {
    const auto begin = Clock::now();
    auto socket = RawSocket::connect(serve_port_);
    socket.send(request_text("POST", kChatPath, chat_body(model, is_stream)));
    const auto [wire, is_closed] = read_until_closed(socket, limit);
    Answer answer;
    answer.took = std::chrono::duration_cast<Ms>(Clock::now() - begin);
    const Reply reply = parse_reply(wire);
    bench::ChatCheck check(is_stream ? expected_stream_ : expected_whole_);
    check.on_head(reply.status);
    check.feed(reply.body, Clock::now());
    answer.outcome = check.end(reply.is_whole);
    if (!is_closed) {
        answer.outcome = bench::ChatOutcome::late;
    }
    answer.fault = check.fault() + (is_closed ? "" : "; it did not end in time: " + wire);
    answer.model = check.model();
    answer.error_code = check.error_code();
    answer.head = reply.head;
    answer.status = reply.status;
    answer.has_usage = check.has_usage();
    answer.completion_tokens = check.completion_tokens();
    return answer;
}

Failover::Seen Failover::saw(unsigned short port, std::string_view model) {
    Seen seen;
    const json::value bill = json::parse(http(port, "GET", "/fake/bill").body);
    for (const json::value& row : bill.at("rows").as_array()) {
        if (row.at("model").as_string() == model) {
            seen.requests += row.at("requests").to_number<std::int64_t>();
        }
    }
    for (const json::value& request : bill.at("requests").as_array()) {
        if (request.at("model").as_string() == model) {
            seen.at_ms.push_back(request.at("at_ms").to_number<std::int64_t>());
            if (request.at("end").as_string() == "whole") {
                seen.last_whole_out = request.at("tokens_out").to_number<std::int64_t>();
            }
        }
    }
    return seen;
}

}  // namespace eco2::test
