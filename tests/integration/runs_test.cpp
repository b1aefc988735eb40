#include "host_fixture.hpp"
#include "support/raw_socket.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <regex>
#include <set>
#include <thread>

namespace eco2::test {
namespace {

const std::string kSubmit = "/api/v1/scan";
const std::string kAnna = "x-user-id: 11111111-1111-1111-1111-111111111111\r\n";
const std::string kBert = "x-user-id: 22222222-2222-2222-2222-222222222222\r\n";

std::string text_at(const boost::json::value& value, std::string_view name) {
    return std::string(value.at(name).as_string());
}

class Runs : public HostFixture {
protected:
    /// The shipped configuration with one change, and the rest beside it.
    void change_config(const std::string& from, const std::string& to) {
        const auto copy = directory_ / "config";
        if (!std::filesystem::exists(copy)) {
            std::filesystem::copy(config_file.parent_path(), copy, std::filesystem::copy_options::recursive);
            config_file = copy / "eco2.toml";
        }
        std::ifstream in(config_file);
        std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
        ASSERT_NE(text.find(from), std::string::npos) << from;
        text.replace(text.find(from), from.size(), to);
        std::ofstream(config_file) << text;
    }
    void with_users() { change_config("#mode = \"none\" ", "mode = \"header\" "); }

    std::string submit(std::string_view headers = {}, std::string_view body = kUrlBody) {
        const auto reply = request("POST", kSubmit, body, headers);
        EXPECT_EQ(reply.status, 202) << reply.body;
        return reply.status == 202 ? text_at(boost::json::parse(reply.body), "job_id") : "";
    }
    Reply get(const std::string& id, std::string_view what, std::string_view headers = {}) {
        return request("GET", kSubmit + "/" + id + "/" + std::string(what), {}, headers);
    }
    std::string result(const std::string& id, std::string_view headers = {}) {
        Reply reply;
        EXPECT_TRUE(eventually([&] { return (reply = get(id, "result", headers)).status == 200; })) << reply.body;
        return reply.body;
    }
    /// Called by several threads at once, so not by a regex: compiling one writes to the locale's unguarded cache.
    static std::string without_comments(std::string_view stream) {
        std::string kept;
        while (!stream.empty()) {
            const auto end = std::min(stream.find("\n\n"), stream.size() - 2) + 2;
            if (stream.front() != ':')
                kept += stream.substr(0, end);
            stream.remove_prefix(end);
        }
        return kept;
    }
};

TEST_F(Runs, submit_stream_and_result_are_the_contract) {
    start_host();
    const auto reply = request("POST", kSubmit, kUrlBody);
    EXPECT_EQ(reply.status, 202);
    const auto accepted = boost::json::parse(reply.body);
    const auto id = text_at(accepted, "job_id");
    EXPECT_EQ(text_at(accepted, "stream_url"), "/api/v1/scan/" + id + "/events");
    EXPECT_EQ(text_at(accepted, "result_url"), "/api/v1/scan/" + id + "/result");
    EXPECT_EQ(text_at(accepted, "status"), "queued");
    const auto stream = get(id, "events");
    EXPECT_NE(stream.head.find("text/event-stream"), std::string::npos);
    std::string story;
    const std::regex pattern("id: (\\d+)\nevent: (\\S+)\ndata: (.*)\n\n");
    int number = 0;
    std::string words;
    for (std::sregex_iterator it(stream.body.begin(), stream.body.end(), pattern), end; it != end; ++it) {
        EXPECT_EQ((*it)[1], std::to_string(++number));
        const auto data = boost::json::parse(std::string((*it)[3]));
        EXPECT_EQ(text_at(data, "job_id"), id);
        if ((*it)[2] == "answer.delta") {
            words += data.at("text").as_string();
            continue;
        }
        story += std::string((*it)[2]) + std::to_string(data.at("seq").as_int64()) + " ";
    }
    EXPECT_EQ(story, "queued0 vision10 vision11 rule20 rule21 answer30 answer31 reward40 reward41 done51 ");
    const auto final_result = boost::json::parse(result(id));
    EXPECT_EQ(text_at(final_result.at("pipeline_result").at("final_answer"), "user_answer"), words);
    EXPECT_EQ(text_at(final_result, "task_id"), id);
    const auto metrics = request("GET", "/metrics").body;
    for (const auto* line : {"eco2_submitted_runs_total{event=\"submitted\"} 1\n",
                             "eco2_submitted_runs_total{event=\"ended\"} 1\n",
                             "eco2_submitted_runs_active 0\n",
                             "eco2_submitted_runs_bytes 0\n",
                             "eco2_run_store_writes_total{result=\"failed\"} 0\n"}) {
        EXPECT_NE(metrics.find(line), std::string::npos) << line;
    }
}

TEST_F(Runs, a_result_that_is_not_there_yet_says_when_to_come_back) {
    fake(R"({"latency":{"vision_ms":60000}})");
    start_host();
    const auto id = submit();
    Reply reply;
    EXPECT_TRUE(eventually([&] {
        reply = get(id, "result");
        return reply.body.find("vision") != std::string::npos;
    }));
    EXPECT_EQ(reply.status, 202);
    EXPECT_NE(reply.head.find("retry-after: 2"), std::string::npos);
    EXPECT_EQ(text_at(boost::json::parse(reply.body), "status"), "processing");
    EXPECT_EQ(text_at(boost::json::parse(reply.body), "current_stage"), "vision");
}

TEST_F(Runs, cut_anywhere_and_resumed_the_transcript_is_the_uncut_one) {
    fake(R"({"latency":{"vision_ms":30,"answer_ms":250}})");
    start_host();
    constexpr int kRuns = 40;
    std::vector<std::thread> clients;
    std::atomic<int> cuts = 0;
    for (int i = 0; i < kRuns; ++i) {
        clients.emplace_back([&, i] {
            std::mt19937 random(static_cast<unsigned>(i));
            const auto id = submit();
            std::string transcript;
            std::string last_id;
            while (transcript.find("event: done") == std::string::npos) {
                auto socket = RawSocket::connect(port());
                socket.send("GET " + kSubmit + "/" + id + "/events HTTP/1.0\r\nhost: x\r\n" +
                            (last_id.empty() ? "" : "last-event-id: " + last_id + "\r\n") + "\r\n");
                const auto cut_at = 120 + random() % 3'000;
                std::string wire;
                for (std::string piece = "x"; wire.size() < cut_at && !piece.empty(); wire += piece) {
                    piece = socket.read_some();
                }
                wire.resize(std::min<std::size_t>(wire.size(), cut_at));
                socket.reset();
                ++cuts;
                // Whole events count; half of one is asked for again.
                const auto body = wire.find("\r\n\r\n");
                const auto end = wire.rfind("\n\n");
                if (body == std::string::npos || end == std::string::npos || end < body + 4) {
                    continue;
                }
                const auto whole = without_comments(wire.substr(body + 4, end + 2 - body - 4));
                transcript += whole;
                if (const auto id_at = whole.rfind("id: "); id_at != std::string::npos) {
                    last_id = whole.substr(id_at + 4, whole.find('\n', id_at) - id_at - 4);
                }
            }
            EXPECT_EQ(transcript, without_comments(get(id, "events").body)) << i;
        });
    }
    for (auto& client : clients) {
        client.join();
    }
    EXPECT_GT(cuts, 3 * kRuns);
}

TEST_F(Runs, an_event_id_that_cannot_be_is_refused_and_the_last_one_ends_the_asking) {
    start_host();
    const auto id = submit();
    (void)result(id);
    const auto whole = get(id, "events").body;
    const auto events = std::count(whole.begin(), whole.end(), '\n') / 4;
    const std::vector<std::string> impossible = {"x", "-1", "1x", "1.5", "99999999999999999999999", std::to_string(events + 1)};
    for (const auto& wrong : impossible) {
        const auto reply = get(id, "events", "last-event-id: " + wrong + "\r\n");
        EXPECT_EQ(reply.status, 400) << wrong;
        EXPECT_NE(reply.body.find("LAST_EVENT_ID_INVALID"), std::string::npos) << wrong;
    }
    EXPECT_EQ(get(id, "events", "last-event-id: 0\r\n").body, whole);
    EXPECT_EQ(get(id, "events", "last-event-id: " + std::to_string(events) + "\r\n").status, 204);
}

TEST_F(Runs, a_failure_is_an_event_of_its_own_and_the_result) {
    fake(R"({"fault":"status","status":500})");
    start_host();
    const auto id = submit();
    const auto stream = get(id, "events").body;
    EXPECT_NE(stream.find("event: error\ndata: "), std::string::npos) << stream;
    EXPECT_NE(stream.find("\"seq\":12"), std::string::npos);
    EXPECT_EQ(text_at(boost::json::parse(result(id)), "status"), "failed");
}

TEST_F(Runs, one_idempotency_key_is_one_run_however_it_is_spelt_and_however_often_it_comes) {
    start_host();
    std::mutex mutex;
    std::set<std::string> ids;
    std::vector<std::thread> clients;
    for (int i = 0; i < 16; ++i) {
        clients.emplace_back([&, i] {
            const auto id = submit(i % 2 == 0 ? "idempotency-key: k\r\n" : "X-Idempotency-Key: k\r\n");
            const std::lock_guard lock(mutex);
            ids.insert(id);
        });
    }
    for (auto& client : clients) {
        client.join();
    }
    EXPECT_EQ(ids.size(), 1U);
    (void)result(*ids.begin());
    EXPECT_EQ(fake_stats().requests, 2U) << "vision and answer, once";
    const auto other =
        request("POST", kSubmit, R"({"image_url":"https://images.example.com/b.jpg"})", "idempotency-key: k\r\n");
    EXPECT_EQ(other.status, 422) << other.body;
    EXPECT_EQ(request("POST", kSubmit, kUrlBody, "idempotency-key: a\r\nx-idempotency-key: b\r\n").status, 422);
    EXPECT_EQ(request("POST", kSubmit, kUrlBody, "idempotency-key: " + std::string(256, 'k') + "\r\n").status, 422);
}

TEST_F(Runs, a_form_that_is_sent_again_with_another_boundary_is_the_same_request) {
    start_host();
    const auto send = [&](const std::string& boundary, const std::string& path) {
        const auto body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"image_url\"\r\n\r\n" +
                          "https://images.example.com/a.jpg\r\n--" + boundary + "--\r\n";
        return request(
            "POST", path, body, "idempotency-key: k\r\ncontent-type: multipart/form-data; boundary=" + boundary + "\r\n");
    };
    const auto first = send("one", kSubmit);
    const auto again = send("two", kSubmit);
    ASSERT_EQ(again.status, 202) << again.body;
    EXPECT_EQ(first.body, again.body);
    EXPECT_NE(again.head.find("idempotent-replayed: true"), std::string::npos) << again.head;
    const auto other = send("one", "/api/v1/pipelines/plant_triage");
    EXPECT_EQ(other.status, 422) << "another pipeline's run is no answer: " << other.body;
}

TEST_F(Runs, nobody_elses_run_is_there) {
    with_users();
    start_host();
    const auto id = submit(kAnna);
    (void)result(id, kAnna);
    for (const auto* what : {"events", "result"}) {
        EXPECT_EQ(get(id, what, kBert).status, 404) << what;
        EXPECT_EQ(get(id, what).status, 401) << what;
    }
    for (const auto* what : {"cancel", "stream-token"}) {
        EXPECT_EQ(request("POST", kSubmit + "/" + id + "/" + what, {}, kBert).status, 404) << what;
        EXPECT_EQ(request("POST", kSubmit + "/" + id + "/" + what).status, 401) << what;
    }
    EXPECT_EQ(request("GET", kSubmit + "/runs", {}, kBert).body, R"({"runs":[],"next_before":null})");
    EXPECT_NE(request("GET", kSubmit + "/runs", {}, kAnna).body.find(id), std::string::npos);
    EXPECT_EQ(request("GET", "/api/v1/pipelines/plant_triage/" + id + "/result", {}, kAnna).status, 404)
        << "another pipeline's";
    EXPECT_NE(submit(std::string(kAnna) + "idempotency-key: k\r\n"), submit(std::string(kBert) + "idempotency-key: k\r\n"));
    for (const auto* wrong : {"nonsense", "..%2f..", "11111111-2222-3333-4444-555555555555"}) {
        EXPECT_EQ(get(wrong, "result", kAnna).status, 404) << wrong;
    }
}

TEST_F(Runs, a_stream_token_opens_one_stream_once) {
    with_users();
    start_host();
    const auto id = submit(kAnna);
    (void)result(id, kAnna);
    const auto made = request("POST", kSubmit + "/" + id + "/stream-token", {}, kAnna);
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string url(boost::json::parse(made.body).at("stream_url").as_string());
    const auto other = submit(kAnna);
    EXPECT_EQ(request("GET", kSubmit + "/" + other + "/events?" + url.substr(url.find('?') + 1)).status, 401);
    const auto token = "?" + url.substr(url.find('?') + 1);
    EXPECT_EQ(request("GET", kSubmit + "/" + id + "/result" + token).status, 401) << "a stream's, nothing else's";
    EXPECT_EQ(request("POST", kSubmit + "/" + id + "/cancel" + token).status, 401);
    EXPECT_EQ(request("POST", kSubmit + "/" + id + "/stream-token" + token).status, 401);
    EXPECT_EQ(request("GET", url).status, 200);
    EXPECT_EQ(request("GET", url).status, 401);
}

TEST_F(Runs, a_cancelled_run_closes_its_upstream_and_says_so) {
    fake(R"({"latency":{"vision_ms":60000}})");
    start_host();
    const auto id = submit();
    EXPECT_TRUE(eventually([&] { return fake_stats().open == 1; }));
    EXPECT_EQ(request("POST", kSubmit + "/" + id + "/cancel").status, 200);
    EXPECT_TRUE(eventually([&] { return fake_stats().open == 0; }));
    EXPECT_EQ(text_at(boost::json::parse(result(id)), "error"), "CANCELLED");
    EXPECT_EQ(request("POST", kSubmit + "/" + id + "/cancel").status, 409);
}

TEST_F(Runs, two_readers_and_one_that_never_reads_get_on) {
    fake(R"({"latency":{"vision_ms":100}})");
    start_host();
    const auto id = submit();
    auto silent = RawSocket::connect(port());
    silent.send("GET " + kSubmit + "/" + id + "/events HTTP/1.1\r\nhost: x\r\n\r\n");
    std::string first;
    std::thread other([&] { first = get(id, "events").body; });
    const auto second = get(id, "events").body;
    other.join();
    EXPECT_EQ(first, second);
    EXPECT_NE(second.find("event: done"), std::string::npos);
}

TEST_F(Runs, quotas_hold_on_every_endpoint) {
    change_config("#runs_concurrent = 0", "runs_concurrent = 2");
    fake(R"({"latency":{"vision_ms":60000}})");
    start_host();
    const auto first = submit();
    (void)submit();
    for (const auto* path :
         {"/api/v1/scan", "/api/v1/scan/classify", "/api/v1/scan/classify/completion", "/api/v1/pipelines/plant_triage"}) {
        const auto refused = request("POST", path, kUrlBody);
        EXPECT_EQ(refused.status, 429) << path;
        EXPECT_NE(refused.head.find("retry-after: "), std::string::npos) << path;
    }
    EXPECT_EQ(request("POST", kSubmit + "/" + first + "/cancel").status, 200);
    const auto keyed = submit("idempotency-key: k\r\n");
    EXPECT_EQ(submit("idempotency-key: k\r\n"), keyed) << "a request that was accepted is so again";
    EXPECT_EQ(request("POST", kSubmit, kUrlBody, "idempotency-key: other\r\n").status, 429);
}

TEST_F(Runs, another_pipeline_has_the_same_endpoints) {
    start_host();
    const std::string base = "/api/v1/pipelines/plant_triage";
    const auto waited = request("POST", base, kUrlBody, "prefer: wait=5\r\n");
    EXPECT_EQ(waited.status, 200) << waited.body;
    EXPECT_EQ(text_at(boost::json::parse(waited.body).at("pipeline_result").at("care"), "key"), "overwatering");
    const auto streamed = request("POST", base, kUrlBody, "accept: text/event-stream\r\n");
    EXPECT_NE(streamed.body.find("event: advice.delta"), std::string::npos) << streamed.body;
    EXPECT_NE(streamed.body.find("event: done"), std::string::npos);
    EXPECT_EQ(request("POST", base, "{}").status, 400);
    EXPECT_EQ(request("POST", "/api/v1/pipelines/none", kUrlBody).status, 404);
    EXPECT_NE(request("GET", "/api/v1/pipelines").body.find("\"plant_triage\""), std::string::npos);
}

TEST_F(Runs, a_foreign_page_gets_no_permission_and_a_known_one_on_every_answer) {
    change_config("#origins = []", "origins = [\"https://app.example.com\"]");
    start_host();
    const std::string known = "origin: https://app.example.com\r\n";
    const auto allows = [](const Reply& reply) {
        return reply.head.find("access-control-allow-origin: ") != std::string::npos;
    };
    EXPECT_TRUE(allows(request("POST", kSubmit, kUrlBody, known)));
    EXPECT_TRUE(allows(request("POST", kSubmit, "{", known))) << "errors too";
    EXPECT_TRUE(allows(request("POST", "/api/v1/scan/classify/completion", kUrlBody, known))) << "streams too";
    EXPECT_TRUE(allows(request("GET", "/nothing", {}, known)));
    EXPECT_TRUE(allows(request("OPTIONS", kSubmit, {}, known + "access-control-request-method: POST\r\n")));
    EXPECT_FALSE(allows(request("POST", kSubmit, kUrlBody, "origin: https://evil.example\r\n")));
    EXPECT_FALSE(allows(request("POST", kSubmit, kUrlBody)));
}

TEST_F(Runs, after_a_restart_ended_runs_are_there_and_unfinished_ones_go_on) {
    start_host();
    const auto done = submit();
    const auto before = result(done);
    const auto stream = get(done, "events").body;
    fake(R"({"latency":{"vision_ms":60000}})");
    const auto waiting = submit();
    EXPECT_TRUE(eventually([&] { return fake_stats().open == 1; }));
    stop_host();
    fake(R"({"latency":{"vision_ms":5}})");
    start_host();
    EXPECT_EQ(get(done, "result").body, before);
    EXPECT_EQ(get(done, "events").body, stream);
    EXPECT_EQ(text_at(boost::json::parse(result(waiting)), "status"), "completed");
}

TEST_F(Runs, every_route_is_described_and_every_description_is_a_route) {
    start_host();
    std::set<std::string> routes;
    const auto index = boost::json::parse(request("GET", "/").body);
    for (const auto& route : index.at("routes").as_array()) {
        routes.insert(std::string(route.as_string()));
    }
    std::set<std::string> described;
    const auto openapi = boost::json::parse(request("GET", "/openapi.json").body);
    for (const auto& [path, methods] : openapi.at("paths").as_object()) {
        for (const auto& [method, operation] : methods.as_object()) {
            described.insert((method == "get" ? "GET " : "POST ") + std::string(path));
            for (const auto& [status, response] : operation.at("responses").as_object()) {
                EXPECT_FALSE(response.at("description").as_string().empty()) << path << status;
            }
        }
    }
    EXPECT_EQ(routes, described);
    // Every name that is referred to is there.
    const auto text = boost::json::serialize(openapi);
    const std::regex reference("#/components/schemas/([A-Za-z]+)");
    for (std::sregex_iterator it(text.begin(), text.end(), reference), end; it != end; ++it) {
        EXPECT_TRUE(openapi.at("components").at("schemas").as_object().contains(std::string((*it)[1]))) << (*it)[1];
    }
    const auto page = request("GET", "/docs");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.body.find("http://"), std::string::npos) << "it loads nothing from elsewhere";
    EXPECT_EQ(page.body.find("https://"), std::string::npos);
}

TEST_F(Runs, what_comes_back_has_the_described_fields) {
    start_host();
    const auto openapi = boost::json::parse(request("GET", "/openapi.json").body);
    const auto check = [&](const std::string& schema, const std::string& body) {
        const auto value = boost::json::parse(body);
        const auto& described = openapi.at("components").at("schemas").at(schema);
        for (const auto& field : described.at("required").as_array()) {
            EXPECT_TRUE(value.as_object().contains(field.as_string())) << schema << "." << field;
        }
        for (const auto& [field, inner] : value.as_object()) {
            EXPECT_TRUE(described.at("properties").as_object().contains(field)) << schema << "." << field;
        }
    };
    const auto accepted = request("POST", kSubmit, kUrlBody).body;
    const auto id = text_at(boost::json::parse(accepted), "job_id");
    check("Accepted", accepted);
    check("Result", result(id));
    check("RunList", request("GET", kSubmit + "/runs").body);
    check("StreamToken", request("POST", kSubmit + "/" + id + "/stream-token").body);
    check("Error", request("POST", kSubmit + "/" + id + "/cancel").body);
    check("Result", classify(kUrlBody).body);
    check("Result", classify("{}").body);
    fake(R"({"latency":{"vision_ms":60000}})");
    const auto waiting = submit();
    check("Processing", get(waiting, "result").body);
    check("Cancelled", request("POST", kSubmit + "/" + waiting + "/cancel").body);
}

TEST_F(Runs, a_fault_in_a_plugin_that_is_not_required_takes_its_pipeline_out_and_no_other) {
    change_config("\"${config_dir}/data/plant_rules\"", "\"${config_dir}/data/nothing\"");
    start_host();
    const auto ready = request("GET", "/ready");
    EXPECT_EQ(ready.status, 200);
    EXPECT_NE(ready.body.find("pipeline plant_triage: "), std::string::npos) << ready.body;
    EXPECT_EQ(classify(kUrlBody).status, 200);
    EXPECT_EQ(request("POST", "/api/v1/pipelines/plant_triage", kUrlBody).status, 503);
}

}  // namespace
}  // namespace eco2::test
