import { CameraOutlined, InboxOutlined, PictureOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Typography, Upload } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { frameOf, mayUseCamera, PICTURE_TYPES } from "./picture";

interface Properties {
  onPicture: (picture: File | Blob) => void;
  isBusy?: boolean;
  startsWithCamera?: boolean;
  /** Text of the area to drop on. */
  label?: string;
}

/** Takes one picture: dropped, chosen, pasted, or of the camera. */
export function PictureInput({ onPicture, isBusy = false, startsWithCamera = false, label }: Properties) {
  const { t } = useTranslation("picture");
  const [isCamera, setIsCamera] = useState(startsWithCamera && mayUseCamera());
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
      if (file && !isBusy) onPicture(file);
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, [onPicture, isBusy]);

  if (isCamera) {
    return (
      <Camera
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

function Camera({ onPicture, onClose, isBusy }: { onPicture: (picture: Blob) => void; onClose: () => void; isBusy: boolean }) {
  const { t } = useTranslation("picture");
  const video = useRef<HTMLVideoElement>(null);
  const [isReady, setIsReady] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let isGone = false;
    const wanted = { video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 720 } }, audio: false };
    navigator.mediaDevices.getUserMedia(wanted).then(
      (found) => {
        stream = found;
        if (isGone) return stopAll(found);
        if (video.current) video.current.srcObject = found;
      },
      (error: unknown) => {
        const name = error instanceof DOMException ? error.name : "";
        setFault(name === "NotAllowedError" ? "camera.refused" : "camera.none");
      },
    );
    return () => {
      isGone = true;
      if (stream) stopAll(stream);
    };
  }, []);
  const take = async () => {
    if (!video.current) return;
    try {
      onPicture(await frameOf(video.current));
    } catch {
      setFault("camera.none");
    }
  };
  return (
    <Flex vertical gap={8}>
      {fault ? (
        <Alert type="warning" showIcon title={t(fault as never)} />
      ) : (
        <video
          ref={video}
          autoPlay
          playsInline
          muted
          aria-label={t("camera.view")}
          onLoadedData={() => setIsReady(true)}
          style={{ width: "100%", borderRadius: 6, background: "#000", aspectRatio: "4 / 3", objectFit: "cover", transform: "scaleX(-1)" }}
        />
      )}
      <Flex gap={8}>
        {!fault && (
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
        <Button icon={<PictureOutlined />} onClick={onClose}>
          {t("camera.file")}
        </Button>
      </Flex>
    </Flex>
  );
}

function stopAll(stream: MediaStream) {
  for (const track of stream.getTracks()) track.stop();
}
