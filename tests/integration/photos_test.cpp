#include "base/text.hpp"
#include "host_fixture.hpp"

#include <fstream>

namespace eco2::test {
namespace {

/// Photos, good and bad, by every way in.
class Photos : public HostFixture {
protected:
    static std::string read(const std::string& file) {
        std::ifstream in(source_dir() / "tests/support" / file, std::ios::binary);
        EXPECT_TRUE(in) << file;
        return {std::istreambuf_iterator<char>(in), {}};
    }
    Reply as_data_url(const std::string& bytes) {
        return classify(R"({"image":"data:image/jpeg;base64,)" + base64_encode(bytes) + "\"}");
    }
    Reply as_form(const std::string& bytes) {
        return request("POST",
                       "/api/v1/scan/classify",
                       "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\nContent-Type: "
                       "image/jpeg\r\n\r\n" +
                           bytes + "\r\n--b--\r\n",
                       "content-type: multipart/form-data; boundary=b\r\n");
    }
};

struct Case {
    const char* file;
    int status;
    const char* says;
};

TEST_F(Photos, every_bad_one_is_refused_by_name_and_every_odd_one_taken_by_both_ways) {
    start_host();
    const Case cases[] = {
        {"bad_images/zero-bytes.jpg", 400, "IMAGE_EMPTY"},
        {"bad_images/text-file.jpg", 415, "IMAGE_UNSUPPORTED"},
        {"bad_images/html-with-jpeg-magic.jpg", 400, "IMAGE_BROKEN"},
        {"bad_images/truncated-header.jpg", 400, "IMAGE_BROKEN"},
        {"bad_images/truncated-half.jpg", 400, "IMAGE_BROKEN"},
        {"bad_images/lying-header-65000.jpg", 413, "IMAGE_TOO_LARGE"},
        {"bad_images/bomb-8000x8000.png", 413, "IMAGE_TOO_LARGE"},
        {"bad_images/bomb-30000x30000-1bit.png", 413, "IMAGE_TOO_LARGE"},
        {"bad_images/png-renamed.jpg", 200, "completed"},
        {"bad_images/animated.gif", 415, "IMAGE_UNSUPPORTED"},
        {"bad_images/heic-like-header.heic", 415, "HEIC"},
        {"bad_images/script.svg", 415, "IMAGE_UNSUPPORTED"},
        {"bad_images/one-pixel.png", 422, "IMAGE_TOO_SMALL"},
        {"bad_images/thin-4000x8.png", 422, "IMAGE_TOO_SMALL"},
        {"bad_images/exif-orientation-6.jpg", 200, "completed"},
        {"bad_images/exif-gps.jpg", 200, "completed"},
        {"bad_images/progressive.jpg", 200, "completed"},
        {"bad_images/grey.jpg", 200, "completed"},
        {"bad_images/cmyk.jpg", 200, "completed"},
        {"bad_images/ok.webp", 200, "completed"},
        {"bad_images/jpeg-with-trailing-zip.jpg", 200, "completed"},
        {"photos/pet_bottle.jpg", 200, "completed"},
    };
    for (const auto& [file, status, says] : cases) {
        const auto requests = fake_stats().requests;
        const auto bytes = read(file);
        for (const auto& reply : {as_data_url(bytes), as_form(bytes)}) {
            EXPECT_EQ(reply.status, status) << file << ": " << reply.body;
            EXPECT_NE(reply.body.find(says), std::string::npos) << file << ": " << reply.body;
        }
        EXPECT_EQ(fake_stats().requests != requests, status == 200) << file << ": no model is asked about a bad photo";
    }
}

TEST_F(Photos, what_is_sent_on_holds_no_metadata) {
    start_host();
    EXPECT_EQ(as_form(read("bad_images/exif-gps.jpg")).status, 200);
    for (const auto& body : fake_stats().bodies) {
        EXPECT_EQ(body.find("RXhpZg"), std::string::npos) << "the letters Exif in base64";
    }
}

TEST_F(Photos, a_form_with_a_fault_is_told_at_once) {
    start_host();
    const std::string type = "content-type: multipart/form-data; boundary=b\r\n";
    const auto form = [&](const std::string& body) { return request("POST", "/api/v1/scan", body, type); };
    EXPECT_EQ(form("").status, 400);
    EXPECT_EQ(form("--b\r\n").status, 400);
    EXPECT_EQ(form("--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nx").status, 400);
    EXPECT_EQ(form("--b\r\nContent-Disposition: form-data; name=\"user_input\"\r\n\r\nhi\r\n--b--\r\n").status, 400)
        << "no image";
    EXPECT_EQ(request("POST", "/api/v1/scan", "x", "content-type: multipart/form-data\r\n").status, 400);
}

/// The host fetches the photo itself.
class FetchedPhotos : public Photos {
protected:
    void SetUp() override {
        const auto copy = directory_ / "config";
        std::filesystem::copy(config_file.parent_path(), copy, std::filesystem::copy_options::recursive);
        config_file = copy / "eco2.toml";
        std::ifstream in(config_file);
        std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
        text.replace(text.find("#url_mode = \"pass\""), 18, "url_mode = \"fetch\"");
        std::ofstream(config_file) << text;
        start_host();
    }
    std::string code(const std::string& url) {
        const auto reply = request("POST", "/api/v1/scan", R"({"image_url":")" + url + "\"}");
        EXPECT_EQ(reply.status, 400) << url << reply.body;
        return reply.body;
    }
};

TEST_F(FetchedPhotos, never_come_from_inside) {
    for (const auto* url : {"https://127.0.0.1/a.jpg",
                            "https://localhost/a.jpg",
                            "https://[::1]/a.jpg",
                            "https://0x7f000001/a.jpg",
                            "https://169.254.169.254/latest/meta-data",
                            "https://10.0.0.1/a.jpg",
                            "https://[::ffff:127.0.0.1]/a.jpg"}) {
        EXPECT_NE(code(url).find("SSRF_BLOCKED"), std::string::npos) << url;
    }
    EXPECT_NE(code("http://images.example.com/a.jpg").find("HTTPS_REQUIRED"), std::string::npos);
    EXPECT_EQ(fake_stats().requests, 0U);
}

}  // namespace
}  // namespace eco2::test
