#pragma once

#include "asked.hpp"
#include "fake_provider/batch_api.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eco2::fake {

/// The Batch API without sockets, on a clock that a test moves.
class BatchBench : public testing::Test {
protected:
    BatchBench() { begin({}); }

    void begin(FakeOptions options) {
        api_.reset();
        control_ = std::make_unique<Control>(std::move(options), hand_);
        clock_ = std::make_unique<MovableClock>(hand_);
        api_ = std::make_unique<BatchApi>(*control_, *clock_);
    }

    /// {"batch":…} of a behaviour.
    void behave(const std::string& batch) {
        const Result<void> set = control_->set_behaviour(R"({"batch":)" + batch + "}");
        EXPECT_TRUE(set) << (set ? "" : set.error().text());
    }
    void fault(const std::string& fault) { behave(R"({"faults":[)" + fault + "]}"); }

    /// Time passes, and what is then due is done.
    void pass(std::chrono::milliseconds time) {
        clock_->advance(time);
        api_->desk().settle();
    }
    void pass_all() { pass(std::chrono::seconds(10)); }

    BatchReply ask(const std::string& method,
                   const std::string& path,
                   const std::string& body = {},
                   const std::string& more = {}) {
        const std::size_t query = path.find('?');
        BatchAsk out;
        out.method = method;
        const std::string_view whole = path;
        out.path = whole.substr(0, query);
        out.query = query == std::string::npos ? std::string_view{} : whole.substr(query + 1);
        out.body = body;
        out.content_type = "multipart/form-data; boundary=X";
        out.range = more;
        return api_->answer(out);
    }

    static boost::json::object json_of(const BatchReply& reply) {
        boost::json::error_code ec;
        boost::json::value out = boost::json::parse(reply.body, ec);
        EXPECT_FALSE(ec) << reply.body;
        return ec ? boost::json::object{} : out.as_object();
    }

    static std::string form(const std::string& bytes, const std::string& name = "in.jsonl", const std::string& more = {}) {
        const std::string part = "--X\r\nContent-Disposition: form-data; name=";
        return part + "\"purpose\"\r\n\r\nbatch\r\n" + more + part + "\"file\"; filename=\"" + name + "\"\r\n\r\n" + bytes +
               "\r\n--X--\r\n";
    }

    static std::string line(const std::string& id, const std::string& words = "hello", const std::string& more = {}) {
        return R"({"custom_id":")" + id +
               R"(","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":")" +
               words + "\"}]" + more + "}}\n";
    }
    /// `count` lines, id-1 …
    static std::string lines(int count, const std::string& prefix = "id-") {
        std::string out;
        for (int i = 1; i <= count; ++i) {
            out += line(prefix + std::to_string(i), "item " + std::to_string(i));
        }
        return out;
    }

    std::string upload(const std::string& bytes) {
        const BatchReply reply = ask("POST", "/files", form(bytes));
        EXPECT_EQ(reply.status, 200) << reply.body;
        return text(json_of(reply), "id");
    }
    static std::string order(const std::string& file, const std::string& more = {}) {
        return R"({"input_file_id":")" + file + R"(","endpoint":"/v1/chat/completions","completion_window":"24h")" + more + "}";
    }
    std::string create(const std::string& file) {
        const BatchReply reply = ask("POST", "/batches", order(file));
        EXPECT_EQ(reply.status, 200) << reply.body;
        return text(json_of(reply), "id");
    }
    /// Uploads and creates; the batch's id.
    std::string start(const std::string& bytes) { return create(upload(bytes)); }

    boost::json::object batch(const std::string& id) { return json_of(ask("GET", "/batches/" + id)); }
    std::string status(const std::string& id) { return text(batch(id), "status"); }
    std::int64_t count(const std::string& id, std::string_view name) {
        return batch(id).at("request_counts").at(name).to_number<std::int64_t>();
    }
    /// The first error of a failed batch.
    boost::json::object error(const std::string& id) {
        const boost::json::object shown = batch(id);
        EXPECT_EQ(text(shown, "status"), "failed");
        return shown.at("errors").is_null() ? boost::json::object{} : shown.at("errors").at("data").at(0).as_object();
    }

    static std::string text(const boost::json::object& object, std::string_view key) {
        const boost::json::value* value = object.if_contains(key);
        return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
    }

    std::string bytes(const std::string& file, const std::string& range = {}) {
        const BatchReply reply = ask("GET", "/files/" + file + "/content", {}, range);
        if (!reply.file) {
            return {};
        }
        std::string out(static_cast<std::size_t>(reply.range.end - reply.range.begin), '\0');
        EXPECT_TRUE(reply.file->read(reply.range.begin, out.data(), out.size()));
        return out;
    }
    std::string output(const std::string& id) { return bytes(text(batch(id), "output_file_id")); }
    std::string errors(const std::string& id) { return bytes(text(batch(id), "error_file_id")); }

    static std::vector<boost::json::object> parsed(const std::string& jsonl) {
        std::vector<boost::json::object> out;
        for (std::size_t at = 0; at < jsonl.size();) {
            const std::size_t end = std::min(jsonl.find('\n', at), jsonl.size());
            boost::json::error_code ec;
            const boost::json::value value = boost::json::parse(jsonl.substr(at, end - at), ec);
            EXPECT_FALSE(ec) << jsonl.substr(at, end - at);
            if (!ec) {
                out.push_back(value.as_object());
            }
            at = end + 1;
        }
        return out;
    }
    static std::multiset<std::string> ids(const std::string& jsonl) {
        std::multiset<std::string> out;
        for (const boost::json::object& each : parsed(jsonl)) {
            out.insert(text(each, "custom_id"));
        }
        return out;
    }
    boost::json::object bill() { return api_->bill().to_object(100); }
    std::int64_t billed(std::string_view name) { return bill().at("total").at(name).to_number<std::int64_t>(); }

    HandClock hand_;
    std::unique_ptr<Control> control_;
    std::unique_ptr<MovableClock> clock_;
    std::unique_ptr<BatchApi> api_;
};

}  // namespace eco2::fake
