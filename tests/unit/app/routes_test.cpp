#include "app/cors.hpp"
#include "app/query.hpp"
#include "app/router.hpp"
#include "base/limits.hpp"

#include <gtest/gtest.h>

namespace eco2::app {
namespace {

Route route(std::string_view method, std::string_view path) {
    return {method, path, [](const ExchangePtr&, const PathValues&) {}};
}

const Router& router() {
    static const Router made({route("GET", "/a/{id}/events"),
                              route("POST", "/a/{id}/cancel"),
                              route("GET", "/a/runs"),
                              route("GET", "/a/{id}"),
                              route("POST", "/a"),
                              route("GET", "/"),
                              route("GET", "/{top}/{id}/events")});
    return made;
}

std::string found(std::string_view method, std::string_view path) {
    const auto match = router().find(method, path);
    return match.route == nullptr ? "-" + match.allowed : std::string(match.route->path);
}

TEST(Router, literal_segments_win_over_places) {
    EXPECT_EQ(found("GET", "/a/runs"), "/a/runs");
    EXPECT_EQ(found("GET", "/a/x"), "/a/{id}");
    EXPECT_EQ(found("GET", "/a/x/events"), "/a/{id}/events");
    EXPECT_EQ(found("GET", "/b/x/events"), "/{top}/{id}/events");
    EXPECT_EQ(router().find("GET", "/b/x/events").values.at("top"), "b");
    EXPECT_EQ(router().find("GET", "/b/x/events").values.at("id"), "x");
    EXPECT_EQ(router().find("GET", "/b/x/events").values.at("none"), "");
}

TEST(Router, a_place_is_a_whole_segment_and_not_empty) {
    EXPECT_EQ(found("GET", "/a//events"), "-");
    EXPECT_EQ(found("GET", "/a/"), "-");
    EXPECT_EQ(found("GET", "/a/x/events/"), "-");
    EXPECT_EQ(found("GET", "/a/x/y/events"), "-");
    EXPECT_EQ(found("GET", "/"), "/");
    EXPECT_EQ(found("GET", ""), "-");
    EXPECT_EQ(found("GET", "//"), "-");
}

TEST(Router, a_wrong_method_is_told_the_right_ones) {
    EXPECT_EQ(found("DELETE", "/a/x/events"), "-GET");
    EXPECT_EQ(found("DELETE", "/a/x/cancel"), "-POST");
    EXPECT_EQ(found("GET", "/a"), "-POST");
}

TEST(Query, finds_values_by_name) {
    EXPECT_EQ(query_value("a=1&b=2&c", "a"), "1");
    EXPECT_EQ(query_value("a=1&b=2&c", "b"), "2");
    EXPECT_EQ(query_value("a=1&b=2&c", "c"), "");
    EXPECT_EQ(query_value("ab=1", "a"), "");
    EXPECT_EQ(query_value("", "a"), "");
    EXPECT_EQ(query_value("a=x=y", "a"), "x=y");
}

TEST(Query, a_list_is_bounded_and_says_what_is_wrong) {
    EXPECT_EQ(read_run_filter("")->count_max, 50U);
    EXPECT_EQ(read_run_filter("limit=3&before=77&status=failed")->count_max, 3U);
    EXPECT_EQ(read_run_filter("limit=3&before=77&status=failed")->before_ns, 77);
    EXPECT_EQ(read_run_filter("status=failed")->state, RunState::dead);
    EXPECT_EQ(read_run_filter("status=cancelled")->state, RunState::cancelled);
    for (const auto* wrong :
         {"limit=0", "limit=201", "limit=x", "limit=1x", "before=x", "status=odd", "limit=99999999999999999999"}) {
        EXPECT_EQ(read_run_filter(wrong).error().code, Errc::invalid_field) << wrong;
    }
}

std::string header(const net::ServerResponse& response, std::string_view name) {
    for (const auto& [known, value] : response.headers) {
        if (known == name) {
            return value;
        }
    }
    return {};
}

TEST(Cors, says_nothing_where_nobody_is_let_in) {
    net::ServerResponse response;
    add_cors_headers({}, "https://a.example", response);
    EXPECT_TRUE(response.headers.empty());
}

TEST(Cors, names_a_known_origin_and_no_other) {
    config::CorsConfig cors;
    cors.origins = {"https://a.example"};
    cors.allows_credentials = true;
    net::ServerResponse known;
    add_cors_headers(cors, "https://a.example", known);
    EXPECT_EQ(header(known, "access-control-allow-origin"), "https://a.example");
    EXPECT_EQ(header(known, "access-control-allow-credentials"), "true");
    EXPECT_EQ(header(known, "vary"), "Origin");
    for (const auto* origin : {"https://b.example", "https://a.example.evil", "http://a.example", "null", ""}) {
        net::ServerResponse foreign;
        add_cors_headers(cors, origin, foreign);
        EXPECT_EQ(header(foreign, "access-control-allow-origin"), "") << origin;
        EXPECT_EQ(header(foreign, "vary"), "Origin") << "a cache must not mix them up";
    }
}

TEST(Cors, a_preflight_is_an_options_request_that_names_a_method) {
    config::CorsConfig cors;
    cors.origins = {"*"};
    net::ServerRequest request;
    request.method = "OPTIONS";
    EXPECT_FALSE(is_preflight(request));
    request.headers = {{"origin", "https://x.example"}, {"access-control-request-method", "POST"}};
    ASSERT_TRUE(is_preflight(request));
    const auto response = preflight_response(cors, request);
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(header(response, "access-control-allow-origin"), "*");
    EXPECT_NE(header(response, "access-control-allow-headers").find("last-event-id"), std::string::npos);
    EXPECT_EQ(header(preflight_response({}, request), "access-control-allow-methods"), "");
}

}  // namespace
}  // namespace eco2::app
