//! What a city tells its residents. All of it is made up.

use axum::Json;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;

use super::{named, unit};
use crate::problem::Problem;
use crate::world::In;

/// How many days ago, a title and a text in Chinese, Vietnamese and English.
const NEWS: [(i64, [&str; 3], [&str; 3]); 3] = [
    (
        1,
        ["周三夜间检修水管", "Sửa đường ống nước đêm thứ Tư", "Water pipes are mended on Wednesday night"],
        [
            "23 点至次日 4 点水压较低，请提前储水。",
            "Từ 23 giờ đến 4 giờ sáng nước chảy yếu. Hãy trữ nước trước.",
            "Pressure is low from 23:00 to 4:00. Keep some water ready.",
        ],
    ),
    (
        3,
        [
            "周末湖边步行街照常开放",
            "Phố đi bộ quanh hồ mở cửa cuối tuần",
            "The lakeside street is for walkers this weekend",
        ],
        [
            "周五 19 点至周日 24 点禁止机动车通行，公交绕行。",
            "Cấm xe cơ giới từ 19 giờ thứ Sáu đến 24 giờ Chủ nhật. Xe buýt đi đường vòng.",
            "No motor traffic from Friday 19:00 to Sunday midnight. Buses take another way.",
        ],
    ),
    (
        6,
        ["行道树修剪开始", "Bắt đầu cắt tỉa cây xanh", "Street trees are being cut back"],
        [
            "请留意现场围栏；发现危险树枝可随时上报。",
            "Hãy chú ý rào chắn. Thấy cành cây nguy hiểm, hãy phản ánh ngay.",
            "Mind the barriers. If a branch looks dangerous, report it.",
        ],
    ),
];

/// The newest first.
pub(super) async fn all(In(world): In, Path(path): Path<String>) -> Result<impl IntoResponse, Problem> {
    let unit = unit(&world, &path)?;
    let texts = |[zh, vi, en]: [&str; 3]| json!({ "zh": zh, "vi": vi, "en": en });
    let today = world.now().div_euclid(86_400) * 86_400;
    let news = NEWS
        .map(|(days, title, text)| json!({ "at": today - days * 86_400, "title": texts(title), "text": texts(text) }));
    let body = json!({ "city": named(&world, &unit), "news": news });
    let lasts = "public, max-age=600, stale-while-revalidate=3600, stale-if-error=86400";
    Ok(([(header::CACHE_CONTROL, lasts)], Json(body)))
}
