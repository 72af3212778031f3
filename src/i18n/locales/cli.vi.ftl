# Lời của lệnh conglang, tiếng Việt (nguồn). Khóa phải có đủ trong cả hai tệp.

# Trợ giúp: tên của tham số
value-command = LỆNH
value-options = TÙY CHỌN
value-config = TỆP
value-file = TỆP
value-lang = vi|en
value-id = MÃ
value-name = TÊN
value-place = NGÕ
value-entity = THIẾT-BỊ.THỨ
value-to = on|off
value-filter = BỘ-LỌC
value-topic = CHỦ-ĐỀ
value-payload = NỘI-DUNG
value-count = SỐ
value-qos = 0|1|2
value-certificate = CHỨNG-THƯ
value-key = KHÓA
value-out = TỆP
value-lines = SỐ
value-about = MÃ
value-since = LÚC
value-person = NGƯỜI
value-role = VAI
value-pin = PIN
value-scope = QUYỀN

# Trợ giúp: khung
help-usage = Cách dùng:
help-commands = Lệnh:
help-arguments = Tham số:
help-options = Tùy chọn:
help-common = Dùng với mọi lệnh:
help-help = In lời trợ giúp này
help-version = In phiên bản
help-codes =
    Mã thoát: 0 tốt, 1 không làm được, 2 có gì hỏng, 64 gõ sai,
    66 cổng điều khiển ở chỗ khác, 69 máy chủ không chạy, 77 không có quyền,
    78 cấu hình sai.

# Trợ giúp: lệnh
cmd = Cổng Làng: cổng của thôn
cmd--config = Tệp cấu hình; không nói thì /etc/conglang/conglang.toml
cmd--json = Trả lời bằng JSON
cmd--lang = Tiếng của câu trả lời; không nói thì theo CONGLANG_LANG, LANG
cmd-run = Chạy máy chủ của thôn
cmd-commune = Chạy máy chủ của xã
cmd-worker = Chạy một tiến trình con (máy chủ tự gọi)
cmd-worker--role = Tiến trình nào
cmd-status = Thôn thế nào, trong một màn hình
cmd-doctor = Có gì hỏng và phải làm gì; dùng được cả khi máy chủ dừng
cmd-journal = Đọc hoặc kiểm tra nhật ký
cmd-journal-tail = Những việc mới nhất, bằng lời
cmd-journal-tail--lines = Bao nhiêu việc; không nói thì 20
cmd-journal-tail--about = Chỉ việc của thiết bị, đèn, camera, tin… này
cmd-journal-tail--since = Từ lúc nào: 30m, 2h, 3d, 14:05, 21/11, "21/11/2026 06:30"
cmd-journal-tail--person = Chỉ việc do người hoặc phần mềm này làm: mã hoặc tên
cmd-journal-tail--follow = Xem tiếp những việc sắp xảy ra, đến khi bấm Ctrl-C
cmd-journal-check = Nhật ký có đủ và nguyên vẹn không; dùng được cả khi máy chủ dừng
cmd-device = Thiết bị
cmd-device-list = Mọi thiết bị, có trả lời không
cmd-device-add = Cấp tài khoản cho thiết bị, mật khẩu hiện một lần; chạy lại là đổi mật khẩu
cmd-device-add--id = Mã, cũng là tên người dùng MQTT: a–z, 0–9, -
cmd-device-add--name = Tên bà con gọi: "Đèn Cổng làng"
cmd-device-add--place = Mã của đường, ngõ nơi treo
cmd-device-remove = Thu hồi tài khoản của thiết bị và cắt kết nối
cmd-device-remove--id = Mã của thiết bị
cmd-device-show = Một thiết bị và mọi thứ nó làm
cmd-device-show--id = Mã của thiết bị
cmd-device-set = Bật tắt một đèn và chờ đèn trả lời: device set den-01.light on
cmd-device-set--entity = Đèn nào, như device show nói
cmd-device-set--to = on (bật) hoặc off (tắt)
cmd-broker = Xem máy chủ MQTT: ai đang nối, giữ gì, vì sao từ chối
cmd-broker-status = Số liệu
cmd-broker-clients = Ai đang nối, phiên của ai đang chờ
cmd-broker-topics = Gói tin giữ lại: broker topics 'd/#'
cmd-broker-topics--filter = Bộ lọc MQTT; không nói thì #
cmd-broker-sub = Nghe với quyền của máy chủ, đến khi bấm Ctrl-C
cmd-broker-sub--topic = Bộ lọc MQTT
cmd-broker-sub--count = Dừng sau từng này gói tin
cmd-broker-sub--qos = QoS; không nói thì 0
cmd-broker-pub = Gửi với quyền của máy chủ
cmd-broker-pub--topic = Chủ đề
cmd-broker-pub--payload = Nội dung; để trống cùng --retain là xóa gói giữ lại
cmd-broker-pub--retain = Giữ lại cho người nghe sau
cmd-broker-pub--qos = QoS; không nói thì 1
cmd-broker-kick = Ngắt mọi kết nối và phiên của một tài khoản
cmd-broker-kick--id = Tài khoản hoặc mã kết nối
cmd-broker-why = Những lần từ chối gần đây, bằng lời
cmd-broker-why--id = Tài khoản, mã kết nối hoặc địa chỉ; không nói là tất cả
cmd-camera = Camera
cmd-camera-list = Mọi camera, có hình không
cmd-sync = Kết nối với xã
cmd-sync-status = Kết nối thế nào, còn gì chờ gửi
cmd-user = Người được đăng nhập
cmd-user-add = Thêm một người; không cho mã PIN thì máy tự đặt
cmd-user-add--id = Mã, ví dụ mau
cmd-user-add--name = Tên bà con gọi: "Ông Mẫu"
cmd-user-add--role = chief (trưởng thôn) hoặc technician (kỹ thuật); không nói thì chief
cmd-user-add--pin = Sáu chữ số
cmd-user-pin = Cấp mã PIN mới; mọi điện thoại của người đó phải đăng nhập lại
cmd-user-pin--id = Mã của người
cmd-user-pin--name = Tên, nếu đổi
cmd-user-rename = Đổi tên một người; mã PIN giữ nguyên
cmd-user-rename--id = Mã của người
cmd-user-rename--name = Tên mới
cmd-user-remove = Bỏ một người; mọi điện thoại của người đó bị đăng xuất
cmd-user-remove--id = Mã của người
cmd-user-list = Những ai được đăng nhập
cmd-token = Mã của phần mềm
cmd-token-add = Cấp mã cho một phần mềm, hiện một lần
cmd-token-add--name = Tên của phần mềm, ví dụ home-assistant: a–z, 0–9, -
cmd-token-add--scope = Quyền, cách nhau bằng dấu phẩy: read (đọc), switch (bật tắt đèn), speak (phát loa, đăng tin), manage (khai báo thiết bị)
cmd-token-list = Có những mã nào, mỗi mã được gì
cmd-token-remove = Thu hồi một mã, có hiệu lực ngay
cmd-token-remove--name = Tên của phần mềm
cmd-cert = Chứng thư số
cmd-cert-install = Cài chứng thư cho HTTPS của trang điều hành, dùng ngay trong vài giây
cmd-cert-install--certificate = Chuỗi chứng thư, PEM
cmd-cert-install--key = Khóa, PEM
cmd-cert-show = Chứng thư còn bao nhiêu ngày
cmd-cert-village = Ở xã: làm chứng thư cho một thôn
cmd-cert-village--id = Mã của thôn
cmd-cert-village--out = Tệp sẽ ghi (chứng thư và khóa, PEM)
cmd-key = Các khóa bí mật trong thư mục dữ liệu
cmd-key-show = Có những khóa nào, có đúng khóa của dữ liệu này không
cmd-key-renew = Làm khóa mới thay khóa đã mất; nói trước mất gì, chỉ làm khi có --yes
cmd-key-renew--name = Tên của khóa, như key show nói
cmd-key-renew--yes = Làm thật
cmd-key-accept = Xác nhận khóa đang có là khóa đúng
cmd-key-accept--name = Tên của khóa
cmd-setup = Hỏi chín câu, viết một tệp cấu hình
cmd-config = Kiểm tra hoặc xem cấu hình
cmd-config-check = Tìm mọi chỗ sai
cmd-config-show = Mỗi giá trị lấy từ đâu

# Gõ sai
usage-no-command = Không có lệnh “{ $name }”.
usage-unknown = Không có tham số “{ $name }”.
usage-missing = Còn thiếu { $name }.
usage-no-value = { $name } cần một giá trị.
usage-value = “{ $value }” không dùng được cho { $name }.
usage-twice = { $name } chỉ được nói một lần.
usage-other = Lệnh gõ chưa đúng.
usage-valid = Dùng được: { $values }.
usage-near = Có phải: { $name }?
usage-see = Xem: conglang --help, hoặc thêm --help sau tên lệnh.

# Chung
cli-failed = Không làm được: { $why }
cli-unforeseen = một lỗi không lường trước: “{ $cause }”. Làm: chạy conglang doctor; giữ lại dòng này.
cli-config-wrong = Cấu hình có { $n } chỗ sai:
cli-config-first = cấu hình có chỗ sai nên chưa biết cổng điều khiển ở đâu. Làm: sửa những chỗ trên; xem conglang config check.
cli-gateway-stopped = không hỏi được máy chủ qua { $socket }: máy chủ conglang không chạy. Làm: systemctl start conglang; nếu lại dừng: journalctl -u conglang -n 50.
cli-gateway-elsewhere = không hỏi được máy chủ: không có cổng điều khiển nào ở { $socket }, đường dẫn ghi trong { $config }. Làm: chỉ tệp cấu hình mà máy chủ dùng, bằng --config; hoặc sửa [doors] control.
cli-gateway-denied = không hỏi được máy chủ: không có quyền mở { $socket }. Làm: chạy lại bằng sudo, hoặc thêm mình vào nhóm conglang (sudo usermod -aG conglang $USER) rồi đăng nhập lại.
cli-gateway-lost = đã nối với máy chủ qua { $socket } nhưng chưa nhận được câu trả lời: { $why }. Làm: chạy lại; vẫn thế thì conglang doctor.
cli-gateway-odd = máy chủ trả lời điều lệnh này không hiểu (mã { $status }): “{ $words }”. Làm: xem lệnh và máy chủ có cùng phiên bản không (conglang --version).
cli-cannot-read = không đọc được { $path }: { $why }.
cli-cannot-write = không ghi được { $path }: { $why }.
cli-no-id = “{ $id }” không dùng làm mã được: chỉ a–z, 0–9, - _ . (nhiều nhất 64 ký tự).
cli-and-more = { $names } và { $n } nữa
cli-seconds = { $n } giây
cli-minutes = { $n } phút
cli-hours = { $n } giờ
cli-days = { $n } ngày
cli-times = { $n } lần

# Vì sao không dùng được tệp
io-not-found = không có
io-denied = không có quyền
io-exists = đã có rồi
io-full = hết chỗ
io-read-only = ổ đĩa chỉ cho đọc
io-no-folder = một phần của đường dẫn không phải thư mục
io-folder = đó là thư mục
io-damaged = nội dung hỏng
io-late = quá lâu không xong
io-refused = không có ai trả lời
io-cut = kết nối bị cắt giữa chừng
io-number = hệ điều hành báo lỗi số { $n }
io-words = “{ $words }”

# Máy chủ MQTT
cli-broker-silent = máy chủ MQTT không trả lời. Làm: conglang doctor.
cli-broker-odd = máy chủ MQTT trả lời điều lệnh này không hiểu. Làm: xem lệnh và máy chủ có cùng phiên bản không (conglang --version).
cli-broker-not-ready = máy chủ MQTT chưa sẵn sàng. Làm: conglang doctor.
cli-broker-lost = mất kết nối với máy chủ MQTT: “{ $why }”. Làm: chạy lại; vẫn thế thì conglang doctor.
cli-no-filter = “{ $topic }” không phải bộ lọc chủ đề hợp lệ; ví dụ: d/#, d/+/state.
cli-no-topic = “{ $topic }” không phải chủ đề hợp lệ: không được trống, không có + và #.
cli-published = Đã gửi.
cli-this-machine = máy này
cli-client-here = đang kết nối { $age }
cli-client-away = vắng { $age }, phiên được giữ
cli-client-waits = chờ { $queued }, chưa xác nhận { $inflight }
cli-client-dropped = đã bỏ { $n } gói tin vì hàng đợi đầy
cli-clients = { $n } máy đang kết nối, { $away } vắng mặt
cli-storage-well = tốt
cli-storage-failing = KHÔNG ghi được
cli-broker-clients = { $n } máy đang kết nối (nhiều nhất { $most }), giữ chỗ cho { $away } thiết bị vắng, { $quarantined } thiết bị lạ đang nối.
cli-row-messages = gói tin
cli-row-retained = giữ lại
cli-row-refused = từ chối
cli-row-storage = thẻ nhớ
cli-row-lost = đã mất
cli-broker-messages = nhận { $received }, gửi { $sent }, đang đợi { $queued }, bỏ vì hàng đợi đầy { $dropped }, bỏ vì hết hạn { $expired }
cli-broker-retained = { $n } gói tin, { $kb } kB
cli-broker-refused = { $connects } lần vào, { $cut } lần ngắt, { $denied } gói tin ngoài quyền
cli-broker-storage = { $state }, đã ghi { $kb } kB, chờ ghi { $n } thay đổi
cli-topics = { $n } gói tin được giữ lại
cli-topic-more = … ({ $n } byte)
cli-kicked = Đã ngắt { $n } phiên của “{ $id }”. Thiết bị có tài khoản sẽ tự nối lại.
cli-kicked-none = Không có phiên nào của “{ $id }”; xem conglang broker clients.
cli-refused-none = Từ khi chạy, máy chủ MQTT chưa từ chối ai.
cli-refused-none-of = Không nhớ lần nào từ chối “{ $id }”. Thiết bị gõ sai tên thì tìm theo địa chỉ: conglang broker why 192.168.…
cli-refused-from = { $client } từ { $address }

# Chỗ sai của cấu hình
config-all-layers = mọi tệp cấu hình
config-syntax = không đúng cách viết: “{ $error }”
config-unreadable = không đọc được: { $cause }
config-file-too-large = tệp lớn hơn { $most_mib } MiB
config-missing = còn thiếu
config-unknown = phần mềm không biết khóa này
config-not-table = phải là một bảng, đây là “{ $found }”
config-not-tables = phải viết [[{ $key }]], đây là “{ $found }”
config-not-id = “{ $text }” không phải mã: dùng 1–64 ký tự a–z, A–Z, 0–9, _ - .
config-name-empty = để trống: phải có tên mà người đọc được
config-too-long = có { $n } ký tự, nhiều nhất { $most }
config-not-address = “{ $text }” không phải địa chỉ như 0.0.0.0:80
config-not-server = “{ $text }” không phải địa chỉ như mqtts://xa.example:8883
config-not-rtsp = phải là địa chỉ như rtsp://192.168.2.31:554/path
config-password-in-address = tên và mật khẩu không viết trong địa chỉ: dùng user và password_file
config-not-sha256 = phải là 64 chữ số thập lục phân
config-not-telephone = không phải số điện thoại, ví dụ "0912 345 678"
config-out-of-bounds = { $value } không nằm trong khoảng { $least } đến { $most }
config-not-degrees = phải là -{ $most } đến { $most } độ
config-bad-thresholds = nhiều nhất { $most } số, mỗi số dưới 10¹²
config-limit-unknown = không có mức tên { $key }
config-limit-too-large = mức { $key } quá lớn
config-not-filter = “{ $filter }” không phải bộ lọc MQTT
config-filters-out-of-bounds = “{ $name }” có quá nhiều bộ lọc, hoặc bộ lọc quá dài
config-too-many-lights = “{ $group }” có { $n } đèn, nhiều nhất { $most }
config-tls-missing = WebSocket qua TLS và chứng thư của thiết bị cần cổng tls
config-uplink-files-missing = có server thì phải có ca, certificate và key
config-speech-url-missing = loa lấy tiếng từ cổng wifi, mà cổng nghe ở mọi địa chỉ: ghi địa chỉ loa tới được, http://192.168.20.1:80
config-declared-twice = “{ $id }” khai hai lần
config-address-used-twice = { $address } dùng cho hai cổng

# Vì sao không có hình từ camera
stream-no-address = camera chưa có địa chỉ trong cấu hình
stream-password-unreadable = không đọc được tệp mật khẩu { $path }: { $cause }
stream-credentials-refused = camera không nhận tên hoặc mật khẩu
stream-path-unknown = camera không có hình như vậy; xem lại đường dẫn trong địa chỉ
stream-too-many-clients = camera đang phục vụ quá nhiều máy
stream-tcp-refused = camera không gửi qua TCP; bật “RTP over RTSP (TCP)” trong cài đặt camera
stream-error-status = camera trả lời { $code } cho { $request }
stream-answer-unreadable = không đọc được câu trả lời của camera cho { $request }: “{ $error }”
stream-request-failed = { $request } không thành: “{ $error }”
stream-receive-failed = đang nhận hình thì đứt: “{ $error }”
stream-no-answer = camera không trả lời { $request } trong { $seconds } giây
stream-nothing-offered = camera không gửi hình nào
stream-codec-unsupported = camera không gửi H.264 hay H.265, chỉ có { $offered }
stream-frozen = hình đứng: { $seconds } giây không có hình mới dù kết nối vẫn còn
stream-parameters-missing = có hình, nhưng { $seconds } giây không có khung chính kèm tham số (SPS, PPS); đặt khoảng cách khung chính 1–2 giây và tắt “smart codec”
stream-keyframe-missing = có hình, nhưng { $seconds } giây không có khung chính nào nguyên vẹn; đặt khoảng cách khung chính 1–2 giây và tắt “smart codec”
stream-parameters-unreadable = không đọc được tham số hình của camera: “{ $error }”
stream-picture-size = hình của camera có cỡ { $width }×{ $height }, máy không nhận
stream-too-much-data = camera gửi quá nhiều: { $mb } MB và { $pictures } hình trong { $seconds } giây
stream-picture-too-large = camera gửi một hình lớn hơn { $mb } MB
stream-session-ended = camera kết thúc phiên (RTCP BYE)
stream-connection-ended = camera ngắt kết nối
stream-data-unreadable = camera gửi thứ không đọc được
stream-other = lỗi khác: “{ $error }”

# Vì sao một phần của máy không chạy tốt
health-several = { $reasons }
health-service-ended = phần này tự dừng, máy đang cho chạy lại
health-service-failed = phần này gặp lỗi, máy đang cho chạy lại: “{ $error }”
health-service-panicked = phần này gặp lỗi của chính phần mềm, máy đang cho chạy lại: “{ $error }”
health-worker-not-started = chương trình con không khởi động được: { $cause }
health-worker-exited = chương trình con tự kết thúc với mã { $code }, máy đang cho chạy lại
health-worker-killed = chương trình con bị tín hiệu số { $signal } kết thúc, máy đang cho chạy lại
health-worker-ended = chương trình con đã kết thúc, không rõ vì sao: { $cause }
health-worker-closed-output = chương trình con không báo gì được nữa, máy đang cho chạy lại
health-worker-not-reading = chương trình con không nhận lệnh ({ $cause }), máy đang cho chạy lại
health-worker-flooded = chương trình con báo quá nhiều nên bị dừng, máy đang cho chạy lại
health-worker-silent = chương trình con im lặng hơn { $seconds } giây nên bị dừng, máy đang cho chạy lại
health-worker-too-large = chương trình con dùng { $used_mb } MB bộ nhớ, chỉ được dùng { $allowed_mb } MB, nên bị dừng; máy đang cho chạy lại
health-worker-stopped = chương trình con được dừng cùng với máy
health-broker-not-ready = máy chủ MQTT khởi động lâu, chưa nhận thiết bị
health-broker-storage-failing = thẻ nhớ không ghi được: gói tin MQTT chỉ còn trong bộ nhớ
health-messages-dropped = đã bỏ { $n } gói tin MQTT vì hàng đợi của một thiết bị nhận bị đầy
health-broker-log-damaged = sổ của máy chủ MQTT trên thẻ nhớ hỏng một phần: { $loss }. Thấy lúc { $found }
health-broker-log-missing = sổ của máy chủ MQTT trên thẻ nhớ đã mất hoặc trống trơn: { $loss }. Thấy lúc { $found }
health-broker-log-outdated = sổ của máy chủ MQTT trên thẻ nhớ là bản cũ, thiếu phần cuối: { $loss }. Thấy lúc { $found }
health-broker-log-foreign = sổ của máy chủ MQTT trên thẻ nhớ là của máy khác, không dùng: { $loss }. Thấy lúc { $found }
health-history-shorter = xã đã nhận nhiều hơn máy này còn giữ { $n } mục: cuối nhật ký của máy đã mất. Thấy lúc { $found }; xã giữ nguyên những gì đã nhận
health-history-older = máy này nói lần khởi động { $boot }, xã đã biết đến lần { $highest }: thẻ nhớ bị đưa về bản cũ, hoặc làm lại từ đầu. Thấy lúc { $found }; xã giữ nguyên những gì đã nhận
health-history-twin = có hai máy nói với xã bằng tên của thôn này: thẻ nhớ đã bị chép thành hai. Thấy lúc { $found }; xã giữ nguyên những gì đã nhận
health-history-differs = xã giữ một mục khác với mục cùng số trên máy này. Thấy lúc { $found }; xã giữ nguyên những gì đã nhận
health-journal-not-writable = không ghi được nhật ký vào thẻ nhớ ({ $cause }): lệnh nào cũng bị từ chối cho đến khi ghi được, lúc đó máy tự khởi động lại
health-journal-ended = phần ghi nhật ký đã dừng: lệnh nào cũng bị từ chối cho đến khi ghi được, lúc đó máy tự khởi động lại
health-entry-changed = mục { $entry } của nhật ký không đúng như lúc ghi
health-entries-missing = mất các mục { $from } đến { $to } của nhật ký
health-packs-damaged = { $n } gói nhật ký cũ bị hỏng, đã để riêng
health-packs-rebuilt = { $n } gói nhật ký cũ bị mất hoặc hỏng; phần còn trong sổ ghi được đóng gói lại
health-files-foreign = { $n } tệp là của thôn khác hoặc của bản sao máy này, đã để riêng
health-segments-truncated = { $n } tệp của sổ ghi bị cắt ngắn; những gì sau chỗ cắt đã mất
health-segments-missing = { $n } tệp của sổ ghi bị xóa; những gì ghi trong đó đã mất
health-segments-stray = { $n } tệp trong thư mục log mang số mà máy chưa từng đặt; máy đọc và để nguyên, có thể dời đi nếu journal check không thiếu gì
health-records-unreadable = không đọc được { $n } lượt ghi của nhật ký
health-snapshots-damaged = { $n } bản chụp trạng thái bị hỏng, máy làm lại; không mất gì
health-state-folded = bản chụp trạng thái bị mất hoặc quá cũ, máy đã dựng lại trạng thái của thôn từ nhật ký
health-history-damaged = một phần nhật ký không đọc được
health-blocks-unreadable = không đọc được các mục { $from } đến { $to } của nhật ký cũ ({ $n } chỗ như vậy)
health-index-unusable = bảng tra nhật ký không dùng được: { $cause }
health-key-missing = mất khóa { $file }
health-key-damaged = khóa { $file } bị hỏng
health-key-mismatch = khóa { $file } không phải khóa của máy này
health-certificate-not-renewed = chưa gia hạn được chứng thư MQTT: “{ $error }”
health-certificate-not-installed = chưa cài chứng thư cho HTTPS
health-sequence-lost = không đọc được { $path } ({ $cause }): lệnh phát loa được đánh số tiếp từ giờ của máy
health-space-low = ổ đĩa sắp đầy: còn { $mb } MB ở { $path }
health-files-low = ổ đĩa sắp hết chỗ cho tệp mới: chỉ tạo được thêm { $n } tệp ở { $path }
health-space-unknown = không xem được { $path } còn bao nhiêu chỗ: { $cause }
health-readings-missing = tệp số đo đã mất hoặc trống trơn: một phần số đo của ngày qua đã mất
health-readings-damaged = tệp số đo hỏng một phần: một phần số đo của ngày qua đã mất
health-readings-outdated = tệp số đo là bản cũ, hoặc thiếu phần cuối: một phần số đo của ngày qua đã mất
health-readings-foreign = có tệp số đo của máy khác, không dùng: một phần số đo của ngày qua đã mất
health-readings-not-written = không ghi được số đo vào thẻ nhớ: { $cause }
health-texts-lost = { $n } nội dung hỏng hoặc mất cả hai bản: { $texts }
health-texts-repaired = { $n } nội dung hỏng một bản, đã chép lại từ bản kia
health-texts-unchecked = chưa xem được hết các tệp của dân: { $cause }
health-texts-not-erased = chưa xóa được { $n } nội dung đã yêu cầu xóa: { $cause }; máy thử lại mỗi 10 giây
health-not-sandboxed = chương trình đọc hình chưa được khoanh riêng như mong muốn (nhân Linux thiếu hoặc từ chối Landlock, seccomp); mọi việc vẫn chạy
health-recording-disk-missing = { $path } trước là một ổ đĩa riêng, nay không còn: ổ ghi hình chưa được gắn
health-recordings-unusable = không dùng được thư mục ghi hình { $path }: { $cause }
health-camera-not-recorded = { $camera } không ghi được hình: “{ $error }”
health-camera-undecodable = { $camera } có ghi nhưng không xem được hình: “{ $error }”
health-camera-unchecked = { $camera } có ghi, máy này chưa kiểm tra được có xem được không: “{ $error }”
health-camera-packet-loss = { $camera } rơi gói tin trên đường về máy: { $percent } % hình của một phút bị thiếu hoặc nhòe
health-camera-slow-disk = ổ đĩa quá chậm cho { $camera }: { $percent } % hình của một phút không ghi được
text-person = hồ sơ của { $id }
text-notice = thông báo { $id }
text-announcement = câu phát loa { $id }
text-old = cũ, không còn trên trang
loss-groups = không đọc được { $n } lượt ghi
loss-records = không đọc được { $n } thay đổi
loss-retained = còn { $n } gói tin giữ lại
loss-retained-before = còn { $n } gói tin giữ lại (trước đó { $before })
loss-sessions = còn { $n } phiên
loss-sessions-before = còn { $n } phiên (trước đó { $before })
console-locked = Không đăng nhập được: khóa của trang xã bị mất hoặc hỏng ({ $lost }). Kỹ thuật viên chạy: conglang doctor

# Camera
cli-cameras = { $n } camera, { $lost } mất hình
cli-camera-removed = đã gỡ khỏi cấu hình, còn hình ghi
cli-camera-none-yet = chưa có hình
cli-camera-here = có hình từ { $since }
cli-camera-lost = mất hình từ { $since }
cli-camera-recorded = ghi đến { $until }, { $mb } MB
cli-camera-why = vì sao: { $why }
cli-camera-not-recorded = không ghi được hình, lý do: “{ $why }”
cli-camera-undecodable = đang ghi nhưng không giải mã được: “{ $why }”
cli-camera-unchecked = đang ghi, nhưng máy này không kiểm tra được là có giải mã được không: “{ $why }”
cli-camera-packets = mất gói trên đường truyền, { $n } % hình trong một phút bị thiếu hoặc nhòe. Làm: xem dây mạng, Wi-Fi; giảm tốc độ bit của camera
cli-camera-missed = đĩa ghi không kịp, { $n } % hình trong một phút không được ghi. Làm: xem đĩa có hỏng hay bận việc khác; giảm tốc độ bit của camera
cli-camera-clock-stands = đồng hồ của camera đứng, ghi theo giờ của máy
cli-camera-clock-steps-back = đồng hồ của camera lùi nhiều lần, ghi theo giờ của máy
cli-camera-clock-jumps = đồng hồ của camera nhảy nhiều lần, ghi theo giờ của máy
cli-camera-clock-pace = đồng hồ của camera chạy nhanh hoặc chậm, ghi theo giờ của máy

# Thiết bị
cli-devices = { $n } thiết bị, { $gone } không trả lời, { $unknown } chưa rõ
cli-device-unknown = chưa rõ: chưa báo có mặt lần nào
cli-device-here = trả lời, từ { $since }
cli-device-gone = không trả lời từ { $since }
cli-no-device = không có thiết bị “{ $id }”. Làm: xem conglang device list.
cli-no-light = không có đèn “{ $id }”. Làm: xem conglang device show với phần trước dấu chấm.
device-in-force = dùng được ngay.
device-not-in-force = đã ghi; máy chủ MQTT chưa trả lời, xem conglang doctor.
device-plain = thường
device-no-ports = chưa rõ (sửa cấu hình, xem trên)
device-broker = địa chỉ của hộp này, cổng { $ports }
device-row-broker = Máy chủ MQTT
device-row-user = Người dùng MQTT
device-row-password = Mật khẩu
device-row-publish = Nói dưới
device-row-subscribe = Nghe dưới
device-secret-once = Mật khẩu không hiện lại; quên thì chạy lại lệnh này để đổi.
device-removed = { $id }: đã thu hồi, kết nối đã cắt.
device-removed-later = { $id }: đã ghi lệnh thu hồi; máy chủ MQTT chưa xác nhận, xem conglang doctor.
device-no-place = mã của đường, ngõ chỉ gồm a–z, 0–9, - _ . Chưa có gì thay đổi.
device-configured = mật khẩu của { $id } ghi trong tệp cấu hình (secret_sha256). Làm: đổi ở đó, hoặc bỏ ở đó trước rồi chạy lại.
device-never = chưa lần nào
device-on = đang bật, từ { $since }
device-off = đang tắt, từ { $since }
device-waiting = Đã gửi lệnh, chờ đèn trả lời…
device-answered = { $name } trả lời: { $words }.
device-superseded = { $name }: có lệnh khác thay lệnh này; bây giờ: { $words }.
device-silent = { $name } chưa trả lời: { $words }. Làm: conglang device show { $device }; conglang broker why { $device }.

# Nhật ký
history-index-unread = chưa đọc được mục lục của nhật ký. Làm: chạy lại không có --about, hoặc xem conglang doctor.
journal-none = Không có việc nào như vậy.
journal-since = “{ $text }” không phải một lúc. Làm: gõ 30m, 2h, 3d, 14:05, 21/11, 21/11/2026 hoặc "21/11 06:30".
journal-checking = đã kiểm tra { $n } mục…
journal-unread = không đọc được nhật ký trong { $path }: { $why }.
journal-whole = Nhật ký nguyên vẹn: { $n } mục ({ $first } đến { $last }), { $boots } lần khởi động.
journal-wrong = Nhật ký có { $n } chỗ sai, đọc được { $entries } mục:
journal-entries-missing = mất các mục { $from } đến { $to }
journal-entries-gone = các mục { $from } đến { $to } trước có mà nay không còn
journal-lane-jumps = mục { $entry }: số của luồng { $lane } nhảy từ { $from } đến { $to }
journal-chain-broken = { $path }: chuỗi băm của luồng { $lane } không khớp với các mục; nhật ký đã bị sửa
journal-chain-broken-in-log = bản ghi { $record } của sổ ghi: chuỗi băm của luồng { $lane } không khớp với các mục; nhật ký đã bị sửa
journal-set-aside-damaged = { $path } bị hỏng, đã để riêng
journal-set-aside-foreign = { $path } là của thôn khác hoặc của bản sao máy này, đã để riêng
journal-block-unreadable = { $path }: không đọc được các mục { $from } đến { $to }: { $cause }
journal-pack-unreadable = không đọc được { $path }: { $cause }
journal-file-foreign = { $path } là của thôn khác hoặc của bản sao máy này
journal-segment-foreign = tệp số { $segment } của sổ ghi là của thôn khác hoặc của bản sao máy này
journal-segment-truncated = tệp số { $segment } của sổ ghi bị cắt ngắn; những gì sau mục { $entry } có thể đã mất
journal-segments-missing = { $n } tệp của sổ ghi bị xóa
journal-segment-stray = { $path }: máy chưa từng đặt số này
journal-log-missing = thiếu thư mục sổ ghi { $path }
journal-records-unreadable = không đọc được { $n } lượt ghi của sổ ghi; mục sau cùng là { $entry }
journal-snapshots-damaged = { $n } bản chụp trạng thái bị hỏng
journal-no-snapshot = không bản chụp trạng thái nào dùng được; lần khởi động sau làm lại từ các mục
journal-newest-pack-missing = gói nhật ký mới nhất bị mất hoặc hỏng; phần còn trong sổ ghi được đóng gói lại ở lần khởi động sau

# Người
users = { $n } người
user-unread = (không đọc được tên)
cli-role-chief = trưởng thôn
cli-role-technician = kỹ thuật
user-pin = { $name } ({ $id }) đăng nhập bằng mã PIN { $pin }. Đưa tận tay, mã không hiện lại.
user-renamed = { $id } từ nay là { $name }. Mã PIN giữ nguyên, không ai phải đăng nhập lại.
user-removed = { $id }: đã bỏ. Mọi điện thoại của người này đã bị đăng xuất.
person-not-stored = không ghi được tên và mã PIN lên thẻ nhớ: { $why }. Chưa có gì thay đổi.
notice-not-written = không ghi được nội dung thông báo lên thẻ nhớ. Làm: conglang doctor.

# Mã của phần mềm
scope-read = đọc
scope-switch = bật tắt đèn
scope-speak = phát loa, đăng tin
scope-manage = khai báo thiết bị
token-made =
    Mã của phần mềm “{ $name }”: { $token }
    { "  " }được  { $scopes }
    { "  " }dùng  authorization: Bearer { $token }
    Mã không hiện lại; mất thì conglang token remove { $name } rồi cấp lại.
token-in-file = { $scopes }; nằm trong tệp keys/api.token
token-file-away = Mã trong tệp keys/api.token đã thu hồi.
tokens = { $n } mã của phần mềm
token-removed = { $name }: đã thu hồi, phần mềm dùng mã này bị từ chối từ bây giờ.

# Chứng thư số
cert-days = còn { $n } ngày
cert-expired = đã hết hạn { $n } ngày
cert-none = chưa có
cert-damaged = không dùng được: tệp hỏng
cert-foreign = không dùng được: không phải của CA này
cert-early = không dùng được: chưa đến ngày có hiệu lực
cert-early-clock = chưa đến ngày có hiệu lực; xem giờ của máy
cert-wrong-clock = không dùng được: ngày ghi theo giờ sai
cert-damaged-or-early = không dùng được (hỏng, hoặc chưa đến ngày có hiệu lực)
cert-https = HTTPS của trang điều hành: { $state }
cert-mqtt = MQTT của thiết bị: { $state } (tự gia hạn)
cert-clock = Giờ của máy chưa đúng: số ngày tính theo giờ gần nhất đã biết.
cert-unusable = chứng thư { $certificate } và khóa { $key } không dùng được. Làm: kiểm tra hai tệp có phải PEM và thuộc về nhau.
cert-installed = Đã cài chứng thư, { $days }. Trang điều hành dùng ngay trong vài giây.
cert-made-damaged = chứng thư vừa làm không đọc được. Làm: chạy lại; vẫn thế thì conglang key show.
cert-village = Đã ghi { $file }. Mang tệp này và { $ca } đến thôn. Chứng thư cũ của thôn (nếu có) không dùng được nữa.

# Khóa
key-well = tốt
key-first-start = chưa có, lần chạy đầu sẽ làm
key-missing = mất tệp
key-damaged = hỏng
key-foreign = không phải khóa của dữ liệu này
key-unusable = khóa { $file } { $problem }; xem conglang key show.
key-unknown = không có khóa “{ $name }”; các khóa là: { $names }.
key-accepted = Từ nay { $file } đang có là khóa đúng. Khởi động lại: systemctl restart conglang
key-not-accepted = chưa xác nhận được khóa { $path }: { $why }.
key-not-renewed = chưa làm được khóa { $path } mới: { $why }.
key-would-renew =
    Thay khóa { $file }: { $cost }.
    Nếu còn bản sao lưu, hãy chép tệp cũ về { $path } thay vì làm mới.
    Vẫn làm: conglang key renew { $name } --yes
key-renewed =
    Đã làm khóa { $file } mới; khóa cũ (nếu còn) ở tệp .before bên cạnh.
    { $cost }.
    Khởi động lại: systemctl restart conglang
key-loss-people = không đọc được lời người dân viết, không ai đăng nhập được
key-loss-pepper = không ai đăng nhập được (mã PIN không kiểm tra được)
key-loss-forms = điện thoại đã quen không được nhận ra khi có người dò mã PIN
key-loss-voice = loa không phát
key-loss-token = phần mềm ngoài không vào được API
key-loss-house-ca = chứng thư MQTT của thiết bị không gia hạn được
key-loss-ca = không làm và không gia hạn được chứng thư của thôn
key-loss-console = không ai vào được trang của xã
key-loss-console-pin = không ai vào được trang của xã
key-cost-people = Mọi thông báo, tên người và mã PIN đã ghi bằng khóa cũ KHÔNG đọc lại được nữa. Sau đó phải thêm lại từng người: conglang user pin MÃ TÊN
key-cost-pepper = Mọi mã PIN cũ hết giá trị. Sau đó cấp mã mới cho từng người: conglang user pin MÃ
key-cost-forms = Trang đang mở phải tải lại; điện thoại đã quen phải đăng nhập lại một lần mới được nhận ra
key-cost-voice = Mọi cụm loa từ chối lệnh cho đến khi ghim lại keys/voice.pub mới vào từng cụm
key-cost-token = Mọi phần mềm ngoài phải được đưa mã mới trong keys/api.token
key-cost-house-ca = Mọi thiết bị nối bằng TLS phải được chép lại keys/house-ca/ca.pem mới
key-cost-ca = Mọi thôn mất kết nối cho đến khi được mang chứng thư mới (conglang cert village) và ca.pem mới
key-cost-console = Mã PIN của trang xã được làm lại: xem keys/console.first-pin
key-cost-console-pin = Mã PIN cũ của trang xã hết giá trị; mã mới ở keys/console.first-pin

# Cấu hình
config-well = Cấu hình đúng: { $n } giá trị.
setup-exists = { $file } đã có, không ghi đè. Làm: sửa tệp đó, hoặc chọn tệp khác bằng --config.
setup-question = { $n }/{ $all } { $question }
setup-name = Tên thôn
setup-name-default = Thôn Bến Thóc
setup-commune = Thuộc xã
setup-commune-default = xã Đồng Nếp
setup-place = Tọa độ (vĩ độ, kinh độ)
setup-chief = Trưởng thôn (tên để gọi)
setup-chief-default = Ông Mẫu
setup-phone = Điện thoại của kỹ thuật (để trống nếu chưa có)
setup-wifi = Tên trang khi vào wifi
setup-devices = Địa chỉ của máy này ở mạng thiết bị, ví dụ 192.168.20.1 (để trống nếu chưa có)
setup-server = Máy chủ của xã (để trống nếu chưa có)
setup-folder = Thư mục dữ liệu
setup-no-position = “{ $answer }” không phải tọa độ, ví dụ: 19.0, 107.0
setup-again = Chưa dùng được: { $problem }. Hỏi lại:
setup-ended = chưa đủ câu trả lời; chưa ghi gì. Làm: chạy lại conglang setup.
setup-done =
    Đã ghi { $file }.
    Tiếp theo:
    { "  " }systemctl start conglang
    { "  " }conglang user add truong-thon "{ $chief }"
    { "  " }conglang doctor

# Kết nối với xã
sync-none = Chưa nối với xã.
sync-up = Xã đã nhận đủ đến mục { $received } lúc { $time }, chờ gửi { $n }.
sync-down = Mất kết nối với xã. Xã đã nhận đủ đến mục { $received }; đã lưu tại chỗ, chờ gửi { $n }.
sync-down-never = Mất kết nối với xã. Xã chưa nhận mục nào; đã lưu tại chỗ, chờ gửi { $n }.

# Kiểm tra: máy, ổ đĩa, khóa
doctor-no-village = Cấu hình chưa có phần [village]
doctor-no-village-do = thêm id, name, commune của thôn
doctor-disk-low = Ổ đĩa sắp đầy: còn { $mb } MB ở { $path }
doctor-no-data = Không thấy thư mục dữ liệu { $path }: { $why }
doctor-no-data-do = kiểm tra thẻ nhớ, quyền của thư mục
doctor-inodes = Ổ đĩa sắp hết chỗ cho tệp mới: chỉ tạo được thêm { $n } tệp ở { $path }
doctor-inodes-do = xóa bớt tệp nhỏ không thuộc phần mềm này (df -i cho biết còn bao nhiêu), hoặc thay thẻ lớn hơn
doctor-not-writable = Không ghi được vào { $path }: { $why }
doctor-not-writable-do = thẻ nhớ có thể đã khóa hoặc hỏng; chạy bằng đúng người dùng; thay thẻ
doctor-keys-open = Người khác trên máy này đọc được khóa: { $names }
doctor-data-open = Người khác trên máy này vào được dữ liệu: { $names }
doctor-clock = Giờ của máy chưa đúng: trước ngày làm ra phần mềm, hoặc xa nhiều năm sau đó
doctor-clock-do = nối mạng để máy tự chỉnh giờ; xem: timedatectl
doctor-speech = Chưa có chương trình đọc “{ $name }”
doctor-key = Khóa { $file }: { $problem }. Hậu quả: { $loss }
doctor-key-do = chép lại { $path } từ bản sao lưu; không có thì: conglang key renew { $name }
doctor-mqtt-certificate = Chứng thư MQTT của thiết bị: { $state }, mà chưa tự gia hạn
doctor-mqtt-certificate-do = xem giờ của máy; conglang cert show; journalctl -u conglang | grep certificate
doctor-village-certificate = Chứng thư của thôn { $path } hỏng hoặc chưa đến ngày có hiệu lực
doctor-village-certificate-do = xin xã tệp mới: conglang cert village
doctor-uplink-certificate = Chứng thư nối với xã: { $days }
doctor-uplink-certificate-do = nối mạng để máy tự gia hạn, hoặc xin xã tệp mới
doctor-https-unusable = Chứng thư HTTPS không dùng được: tệp hỏng, hoặc chưa đến ngày có hiệu lực
doctor-https-unusable-do = xem giờ của máy; conglang cert install CHỨNG-THƯ KHÓA
doctor-https-none = Chưa cài chứng thư cho HTTPS
doctor-https-old = Chứng thư HTTPS: { $days }
doctor-https-do = conglang cert install CHỨNG-THƯ KHÓA
advice-space = xóa bớt hình ghi, hoặc thay thẻ lớn hơn

# Kiểm tra: máy chủ đang chạy
doctor-error = LỖI
doctor-note = NHẮC
doctor-do = Làm:
doctor-sum = Đã kiểm tra { $made }/{ $all } mục: { $errors } lỗi, { $notes } nhắc. Mã thoát { $code }.
doctor-config = Cấu hình { $path } có lỗi
doctor-red = Phần “{ $part }” có lỗi: { $why }
doctor-amber = Phần “{ $part }” cần xem: { $why }
doctor-no-commune = Mất kết nối với xã, chờ gửi { $n }
doctor-no-commune-do = kiểm tra mạng ngoài; việc trong thôn vẫn chạy
doctor-broker-silent = Chưa hỏi được máy chủ MQTT nên chưa biết thiết bị nào bị từ chối
doctor-refused = Bị từ chối hoặc bị ngắt từ lúc máy chủ MQTT chạy: { $names }
doctor-refused-do = conglang broker why TÊN
doctor-unused = Có thiết bị khai thứ mà máy không dùng được: { $names }
doctor-unused-do = conglang broker why TÊN; sửa ở thiết bị rồi cho khai lại
doctor-quarantined = Thiết bị lạ chờ nhận: { $names }
doctor-quarantined-do = conglang device add TÊN "Tên gọi"
advice-recordings = conglang camera list; xem ổ ghi hình có gắn không, còn chỗ không
advice-pictures = chạy được; nâng cấp nhân Linux hoặc tệp conglang.service khi có dịp
advice-queues = conglang broker clients: dòng có “đã bỏ…” là thiết bị nhận chậm; xem mạng của nó
advice-queues-full = giải phóng chỗ, gắn lại thẻ cho ghi, hoặc thay thẻ nhớ
advice-people = chép lại tệp trong people/ từ bản sao lưu; không có thì gỡ thông báo, hoặc: conglang user pin MÃ. Hay gặp thì thay thẻ nhớ
advice-commune = hỏi xã; xem có hai máy cùng tên không, thẻ có bị chép từ bản cũ không. Không xóa gì ở xã
advice-samples = số đo mới vẫn được ghi; hay gặp thì thay thẻ nhớ
advice-ledger = thiết bị nói lại trạng thái khi nối lại; đèn, loa: ra lệnh lại. Hay gặp thì thay thẻ nhớ
advice-index = xóa index.redb trong thư mục dữ liệu rồi khởi động lại; máy tự dựng lại
advice-certificate = xem giờ của máy; conglang cert show
advice-log = journalctl -u conglang -n 50
advice-bug = journalctl -u conglang -n 50; báo cho người làm phần mềm
advice-journal-check = conglang journal check
advice-keys = conglang key show
advice-https = conglang cert install CHỨNG-THƯ KHÓA
advice-sequence = loa vẫn phát; hay gặp thì thay thẻ nhớ
advice-files = xóa bớt tệp nhỏ không thuộc phần mềm này (df -i cho biết còn bao nhiêu), hoặc thay thẻ lớn hơn
advice-texts-repaired = không mất gì; hay gặp thì thay thẻ nhớ
advice-recording-disk = gắn lại ổ ghi hình; nếu cố ý bỏ ổ thì xóa recordings.apart trong thư mục dữ liệu
advice-camera-network = xem dây mạng, Wi-Fi và tốc độ hình của camera
