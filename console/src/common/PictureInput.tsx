import { CameraOutlined, InboxOutlined, PictureOutlined, SwapOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Typography, Upload } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useCamera } from "./camera";
import { frameOf, mayUseCamera, PICTURE_TYPES } from "./picture";

interface Properties {
  onPicture: (picture: File | Blob) => void;
  isBusy?: boolean;
  startsWithCamera?: boolean;
  /** Text of the area to drop on. */
  label?: string;
  /** Whether a pasted picture is meant for this one; only one on a page takes it. */
  takesPaste?: boolean;
}

/** Takes one picture: dropped, chosen, pasted, or of the camera. */
export function PictureInput({ onPicture, isBusy = false, startsWithCamera = false, label, takesPaste = true }: Properties) {
  const { t } = useTranslation("picture");
  const [isCamera, setIsCamera] = useState(startsWithCamera && mayUseCamera());
  useEffect(() => {
    if (!takesPaste) return;
    const paste = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
      if (file && !isBusy) onPicture(file);
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, [onPicture, isBusy, takesPaste]);

  if (isCamera) {
    return (
      <CameraInput
        isBusy={isBusy}
        onPicture={onPicture}
        onClose={() => setIsCamera(false)}
      />
    );
  }
  return (
    <Flex vertical gap={8}>
      <Upload.Dragger
        accept={PICTURE_TYPES}
        showUploadList={false}
        disabled={isBusy}
        beforeUpload={(file) => {
          onPicture(file);
          return false;
        }}
      >
        <InboxOutlined style={{ fontSize: 32 }} aria-hidden />
        <div>{label ?? t("drop")}</div>
        <Typography.Text type="secondary">{t("types")}</Typography.Text>
      </Upload.Dragger>
      {mayUseCamera() ? (
        <Button icon={<CameraOutlined />} disabled={isBusy} onClick={() => setIsCamera(true)}>
          {t("camera.open")}
        </Button>
      ) : (
        <Typography.Text type="secondary">{t("camera.insecure")}</Typography.Text>
      )}
    </Flex>
  );
}

function CameraInput({ onPicture, onClose, isBusy }: { onPicture: (picture: Blob) => void; onClose: () => void; isBusy: boolean }) {
  const { t } = useTranslation("picture");
  const { video, fault, isFront, turn } = useCamera();
  const [isReady, setIsReady] = useState(false);
  const [hasFailed, setHasFailed] = useState(false);
  const reason = fault ?? (hasFailed ? "camera.none" : null);
  const take = async () => {
    if (!video.current) return;
    try {
      onPicture(await frameOf(video.current));
    } catch {
      setHasFailed(true);
    }
  };
  return (
    <Flex vertical gap={8}>
      {reason ? (
        <Alert type="warning" showIcon title={t(reason)} />
      ) : (
        <video
          ref={video}
          autoPlay
          playsInline
          muted
          aria-label={t("camera.view")}
          onLoadedData={() => setIsReady(true)}
          style={{
            width: "100%",
            borderRadius: 6,
            background: "#000",
            aspectRatio: "4 / 3",
            objectFit: "cover",
            transform: isFront ? "scaleX(-1)" : undefined,
          }}
        />
      )}
      <Flex gap={8} wrap>
        {!reason && (
          <Button
            type="primary"
            icon={<CameraOutlined />}
            disabled={!isReady}
            loading={isBusy}
            onClick={() => void take()}
            style={{ flex: 1 }}
          >
            {t("camera.take")}
          </Button>
        )}
        {turn && !reason && (
          <Button icon={<SwapOutlined />} onClick={turn}>
            {t("camera.turn")}
          </Button>
        )}
        <Button icon={<PictureOutlined />} onClick={onClose}>
          {t("camera.file")}
        </Button>
      </Flex>
    </Flex>
  );
}
