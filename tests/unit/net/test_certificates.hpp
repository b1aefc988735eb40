#pragma once

#include <filesystem>
#include <string>

namespace eco2::test {

/// Certificates of one's own making, written to a folder that goes with the object.
class TestCertificates {
public:
    TestCertificates();
    ~TestCertificates();
    TestCertificates(const TestCertificates&) = delete;
    TestCertificates& operator=(const TestCertificates&) = delete;

    std::string ca() const { return path("ca.pem"); }
    std::string other_ca() const { return path("other_ca.pem"); }
    /// For localhost and 127.0.0.1, chain included.
    std::string good() const { return path("good.pem"); }
    std::string wrong_name() const { return path("wrong_name.pem"); }
    std::string expired() const { return path("expired.pem"); }
    /// The one key of all of them.
    std::string key() const { return path("key.pem"); }

private:
    std::string path(const char* name) const { return (folder_ / name).string(); }

    std::filesystem::path folder_;
};

}  // namespace eco2::test
