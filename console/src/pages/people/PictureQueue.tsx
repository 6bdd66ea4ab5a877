import { CameraOutlined, DeleteOutlined, InboxOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Tag, theme, Typography, Upload } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { bytesText, shareText } from "../../common/numbers";
import { mayUseCamera, PICTURE_TYPES } from "../../common/picture";
import { PictureInput } from "../../common/PictureInput";
import { QualityBars } from "../../common/QualityBars";
import { describe } from "../../common/states";
import { Line } from "./Line";
import { MAX_ALL_BYTES, MAX_PICTURE_BYTES, MAX_PICTURES, type Pictures, type QueuedPicture } from "./pictures";

interface Properties {
  queue: Pictures;
  isBusy: boolean;
  /** Whether no more pictures are taken. */
  isClosed?: boolean;
}

/** Chooses pictures to enrol, shows how good each is, and what became of it. */
export function PictureQueue({ queue, isBusy, isClosed = false }: Properties) {
  const { t } = useTranslation("people");
  const [isCamera, setIsCamera] = useState(false);
  const [tooLarge, setTooLarge] = useState<string[]>([]);
  const { pictures, add, bytes } = queue;
  const isFull = pictures.length >= MAX_PICTURES;
  const take = (picture: Blob) => {
    if (picture.size > MAX_PICTURE_BYTES) setTooLarge((before) => [...before, picture instanceof File ? picture.name : ""]);
    else add(picture, t("pictures.camera", { number: pictures.length + 1 }));
  };
  return (
    <Flex vertical gap={12}>
      {!isClosed && (
        <Source isBusy={isBusy} isFull={isFull} isCamera={isCamera} onCamera={setIsCamera} onPicture={take} />
      )}
      {tooLarge.length > 0 && (
        <Alert
          type="warning"
          showIcon
          closable={{ onClose: () => setTooLarge([]) }}
          title={t("pictures.tooLarge", { names: tooLarge.join(", ") })}
        />
      )}
      {bytes > MAX_ALL_BYTES && (
        <Alert type="error" showIcon title={t("pictures.tooManyBytes", { bytes: bytesText(bytes), all: bytesText(MAX_ALL_BYTES) })} />
      )}
      {pictures.map((picture) => (
        <QueuedRow key={picture.key} queued={picture} isBusy={isBusy} onRemove={() => queue.remove(picture.key)} />
      ))}
    </Flex>
  );
}

interface SourceProperties {
  isBusy: boolean;
  isFull: boolean;
  isCamera: boolean;
  onCamera: (isCamera: boolean) => void;
  onPicture: (picture: Blob) => void;
}

function Source({ isBusy, isFull, isCamera, onCamera, onPicture }: SourceProperties) {
  const { t } = useTranslation("people");
  if (isCamera) {
    return (
      <>
        <PictureInput startsWithCamera isBusy={isBusy || isFull} onPicture={onPicture} />
        <Button onClick={() => onCamera(false)}>{t("pictures.closeCamera")}</Button>
      </>
    );
  }
  return (
    <>
      <Upload.Dragger
        accept={PICTURE_TYPES}
        multiple
        showUploadList={false}
        disabled={isBusy || isFull}
        beforeUpload={(file) => {
          onPicture(file);
          return false;
        }}
      >
        <InboxOutlined style={{ fontSize: 28 }} aria-hidden />
        <div>{t("pictures.drop")}</div>
        <Typography.Text type="secondary">
          {t("pictures.limits", { most: MAX_PICTURES, all: bytesText(MAX_ALL_BYTES) })}
        </Typography.Text>
      </Upload.Dragger>
      {mayUseCamera() && (
        <Button icon={<CameraOutlined />} disabled={isBusy || isFull} onClick={() => onCamera(true)}>
          {t("pictures.openCamera")}
        </Button>
      )}
    </>
  );
}

function QueuedRow({ queued, isBusy, onRemove }: { queued: QueuedPicture; isBusy: boolean; onRemove: () => void }) {
  const { t } = useTranslation("people");
  const { token } = theme.useToken();
  const [isOpen, setIsOpen] = useState(false);
  const { picture, name, quality, outcome } = queued;
  return (
    <div style={{ border: `1px solid ${token.colorBorderSecondary}`, borderRadius: token.borderRadius, padding: 8 }}>
      <Flex gap={12} align="center">
        <Preview picture={picture} alt={name} />
        <Flex vertical gap={2} style={{ flex: 1, minWidth: 0 }} aria-live="polite">
          <Line text={name} />
          <Verdict queued={queued} />
        </Flex>
        {quality && (
          <Button size="small" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {t("pictures.quality")}
          </Button>
        )}
        {!outcome && (
          <Button
            size="small"
            type="text"
            icon={<DeleteOutlined />}
            disabled={isBusy}
            aria-label={t("pictures.remove", { name })}
            onClick={onRemove}
          />
        )}
      </Flex>
      {isOpen && quality && (
        <div style={{ marginTop: 12 }}>
          <QualityBars quality={quality} />
        </div>
      )}
    </div>
  );
}

/** What became of a picture; before, what is to be expected. */
function Verdict({ queued: { quality, failure, outcome } }: { queued: QueuedPicture }) {
  const { t } = useTranslation("people");
  if (outcome?.kind === "refused") return <Refusal label={t("pictures.refused")} failure={outcome.failure} />;
  if (outcome) return <Mark tone="success" label={t(`pictures.${outcome.kind}`)} />;
  if (failure) return <Refusal label={t("pictures.unfit")} failure={failure} />;
  if (!quality) return <Mark tone="processing" label={t("pictures.judging")} />;
  const score = shareText(quality.score);
  if (quality.isRecognisable) return <Mark tone="success" label={t("pictures.fit", { score })} />;
  return <Mark tone="error" label={t("pictures.notRecognisable", { score })} />;
}

function Refusal({ label, failure }: { label: string; failure: unknown }) {
  const { title, advice } = describe(failure);
  return (
    <>
      <Mark tone="error" label={`${label} · ${title}`} />
      {advice && <Typography.Text type="secondary">{advice}</Typography.Text>}
    </>
  );
}

function Mark({ tone, label }: { tone: "success" | "error" | "processing"; label: string }) {
  return (
    <span>
      <Tag color={tone} style={{ whiteSpace: "normal" }}>
        {label}
      </Tag>
    </span>
  );
}

/** A small view of a picture that is not on the server. */
export function Preview({ picture, alt, size = 56 }: { picture: Blob; alt: string; size?: number }) {
  const { token } = theme.useToken();
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = URL.createObjectURL(picture);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [picture]);
  const style = { width: size, height: size, flex: "none", borderRadius: token.borderRadius, objectFit: "cover" as const, objectPosition: "50% 25%" };
  return url ? <img src={url} alt={alt} style={style} /> : <span style={{ ...style, background: token.colorFillSecondary }} />;
}
