import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Collapse, Flex, Progress, Typography } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { usePermissions } from "../../app/session";
import { useAct } from "../../common/confirm";
import type { FoundFile } from "../../common/folder";
import { bytesText, countText } from "../../common/numbers";
import { FailurePanel } from "../../common/states";
import { ArchiveTooLarge, zipOf } from "../../common/zip";
import { Section } from "../libraries/Section";
import { ImportDrop } from "./ImportDrop";
import { ImportJobs } from "./ImportJobs";
import { MAX_FILES, type Prepared, prepare } from "./prepare";

const SHOWN_LEFT_OUT = 100;

/** Imports a folder or an archive of pictures, and shows what became of each. */
export function ImportTab({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const [prepared, setPrepared] = useState<Prepared | null>(null);
  const [isReading, setIsReading] = useState(false);
  const [job, setJob] = useState<string | null>(null);
  const act = useAct();
  const read = async (files: Promise<FoundFile[]>) => {
    setIsReading(true);
    await act(async () => setPrepared(prepare(await files)));
    setIsReading(false);
  };
  return (
    <Flex vertical gap={16}>
      {canWork && (
        <Section title={t("import.title")}>
          <Flex vertical gap={12}>
            <Typography.Text>{t("import.about")}</Typography.Text>
            <HowTo />
            {prepared ? (
              <Sending
                library={library.id}
                prepared={prepared}
                onCancel={() => setPrepared(null)}
                onJob={(id) => {
                  setPrepared(null);
                  setJob(id);
                }}
              />
            ) : (
              <ImportDrop isBusy={isReading} onFiles={(files) => void read(files)} />
            )}
          </Flex>
        </Section>
      )}
      <ImportJobs library={library.id} job={job} onJob={setJob} />
    </Flex>
  );
}

function HowTo() {
  const { t } = useTranslation("people");
  return (
    <Collapse
      size="small"
      items={[
        {
          key: "how",
          label: t("import.how.label"),
          children: (
            <Flex vertical gap={8}>
              <Typography.Text>{t("import.how.folder")}</Typography.Text>
              <pre style={{ margin: 0, overflowX: "auto" }}>{t("import.how.example")}</pre>
              <Typography.Text>{t("import.how.manifest")}</Typography.Text>
              <Typography.Text>{t("import.how.again")}</Typography.Text>
            </Flex>
          ),
        },
      ]}
    />
  );
}

interface SendingProperties {
  library: string;
  prepared: Prepared;
  onCancel: () => void;
  onJob: (job: string) => void;
}

function Sending({ library, prepared, onCancel, onJob }: SendingProperties) {
  const { t } = useTranslation("people");
  const { t: common } = useTranslation();
  const [packed, setPacked] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  const send = useMutation({
    mutationFn: async () => {
      const { signal } = (stop.current = new AbortController());
      setPacked(prepared.archive ? null : 0);
      const archive = prepared.archive ?? (await zipOf(prepared.files, setPacked, signal));
      setPacked(null);
      const body = { body: archive as never, bodySerializer: (sent: unknown) => sent as Blob };
      const init = { params: { path: { library } }, headers: { "Content-Type": "application/zip" }, ...body, signal };
      return dataOf(api.POST("/libraries/{library}/imports", init));
    },
    onSuccess: ({ id }) => onJob(id),
  });
  useEffect(() => {
    if (!send.isPending) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [send.isPending]);

  const isStopped = stop.current?.signal.aborted ?? false;
  const isTooMany = prepared.files.length > MAX_FILES;
  const isNothing = !prepared.archive && prepared.files.length === 0;
  return (
    <Flex vertical gap={12}>
      <Summary prepared={prepared} />
      {isTooMany && <Alert type="error" showIcon title={t("import.tooMany", { files: countText(MAX_FILES) })} />}
      {isNothing && <Alert type="error" showIcon title={t("import.nothing")} />}
      {send.isPending && (
        <div aria-live="polite">
          <Typography.Text>{t(packed === null ? "import.sending" : "import.packing", { size: bytesText(prepared.bytes) })}</Typography.Text>
          <Progress
            percent={packed === null ? 100 : Math.floor((packed / Math.max(1, prepared.bytes)) * 100)}
            showInfo={packed !== null}
            status="active"
            aria-label={t(packed === null ? "import.sendingLabel" : "import.packingLabel")}
          />
        </div>
      )}
      {send.error && !isStopped && <SendFailure failure={send.error} />}
      <Flex gap={8} wrap>
        {!isNothing && (
          <Button type="primary" loading={send.isPending} disabled={isTooMany} onClick={() => send.mutate()}>
            {t("import.start")}
          </Button>
        )}
        <Button
          onClick={() => {
            stop.current?.abort();
            onCancel();
          }}
        >
          {isNothing ? t("import.chooseOthers") : common("cancel")}
        </Button>
      </Flex>
    </Flex>
  );
}

function SendFailure({ failure }: { failure: Error }) {
  const { t } = useTranslation("people");
  if (failure instanceof ArchiveTooLarge) return <Alert type="error" showIcon title={t("import.tooLarge")} />;
  // A file that was changed or removed after it was chosen.
  if (failure instanceof DOMException) return <Alert type="error" showIcon title={t("import.unreadable")} />;
  const isRefused = failure instanceof Failure && failure.code === "importRefused";
  return (
    <>
      <FailurePanel failure={failure} />
      {isRefused && <Typography.Text>{t("import.refused", { reason: failure.message })}</Typography.Text>}
    </>
  );
}

function Summary({ prepared: { archive, files, people, bytes, hasManifest, leftOut } }: { prepared: Prepared }) {
  const { t } = useTranslation("people");
  const counts = { files: countText(files.length - (hasManifest ? 1 : 0)), people: countText(people ?? 0), size: bytesText(bytes) };
  const text = archive
    ? t("import.summary.archive", { name: archive.name, size: counts.size })
    : t(hasManifest ? "import.summary.manifest" : "import.summary.folder", counts);
  return (
    <>
      {(archive || files.length > 0) && <Alert type="info" showIcon title={text} />}
      {leftOut.length > 0 && (
        <Alert
          type="warning"
          showIcon
          title={t("import.leftOut.title", { files: countText(leftOut.length) })}
          description={
            <div style={{ maxHeight: 160, overflow: "auto" }}>
              {leftOut.slice(0, SHOWN_LEFT_OUT).map(({ path, reason }) => (
                <div key={path} style={{ overflowWrap: "anywhere" }}>
                  {path}: {t(`import.leftOut.${reason}`)}
                </div>
              ))}
              {leftOut.length > SHOWN_LEFT_OUT && "…"}
            </div>
          }
        />
      )}
    </>
  );
}
