#include "optimizations/peers/opencv/opencv_shim.h"

#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>

namespace
{

/* The number is the process's; it is set only where it changes, which takes the library a while. */
void count_threads(int threads)
{
    static std::mutex lock;
    static int current = -1;
    const std::lock_guard<std::mutex> guard(lock);
    if (current != threads) {
        cv::setNumThreads(threads);
        current = threads;
    }
}

cv::Mat of(const vlt_opencv_image &image, int type)
{
    return cv::Mat(static_cast<int>(image.h), static_cast<int>(image.w), type,
                   const_cast<uint8_t *>(image.data), static_cast<size_t>(image.stride));
}

template <class Call> int guarded(char *message, Call call)
{
    try {
        call();
        return 0;
    } catch (const std::exception &failure) {
        const std::string_view what = failure.what();
        const size_t length = what.copy(message, VLT_OPENCV_MESSAGE_BYTES - 1);
        message[length] = '\0';
        return 1;
    }
}

} // namespace

int vlt_opencv_resize(const vlt_opencv_image *src, const vlt_opencv_image *dst, int threads,
                      char *message)
{
    return guarded(message, [&] {
        count_threads(threads);
        cv::Mat out = of(*dst, CV_8UC3);
        cv::resize(of(*src, CV_8UC3), out, out.size(), 0, 0, cv::INTER_CUBIC);
    });
}

int vlt_opencv_look_up(const vlt_opencv_image *src, const float table[3][256], float *out,
                       int threads, char *message)
{
    return guarded(message, [&] {
        count_threads(threads);
        cv::Mat look(1, 256, CV_32FC3);
        for (int v = 0; v < 256; v++) {
            look.at<cv::Vec3f>(0, v) = cv::Vec3f(table[0][v], table[1][v], table[2][v]);
        }
        cv::Mat values(static_cast<int>(src->h), static_cast<int>(src->w), CV_32FC3, out);
        cv::LUT(of(*src, CV_8UC3), look, values);
    });
}
