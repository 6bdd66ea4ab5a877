import { Alert, Button, Checkbox, Flex, Spin, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { FailurePanel, Nothing } from "../../common/states";
import { isBuiltin } from "../people/person";
import { isOver, useJobs } from "./jobs";
import { JobPanel } from "./JobPanel";
import { Section } from "./Section";

const SHOWN = 5;

/** Writes a library into an archive, and offers the archives that there are. */
export function ExportTab({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("libraries");
  const { canWork } = usePermissions();
  const { jobs, error, isPending, refetch } = useJobs(library.id, "export");
  return (
    <Flex vertical gap={16}>
      {canWork && <Start library={library} isUnderWay={jobs.some((job) => !isOver(job))} />}
      <Section title={t("export.earlier")}>
        <Flex vertical gap={12}>
          {error && <FailurePanel failure={error} onRetry={() => void refetch()} />}
          {isPending && <Spin />}
          {!isPending && !error && jobs.length === 0 && <Nothing text={t("export.none")} />}
          {jobs.slice(0, SHOWN).map(({ id }) => (
            <JobPanel key={id} job={id} />
          ))}
        </Flex>
      </Section>
    </Flex>
  );
}

function Start({ library, isUnderWay }: { library: Schema<"ShownLibrary">; isUnderWay: boolean }) {
  const { t } = useTranslation("libraries");
  const [pictures, setPictures] = useState(true);
  const [templates, setTemplates] = useState(false);
  const start = useChange(() =>
    api.POST("/libraries/{library}/exports", { params: { path: { library: library.id } }, body: { pictures, templates } }),
  );
  return (
    <Section title={t("export.title")}>
      <Flex vertical gap={12}>
        <Typography.Text>{t("export.about")}</Typography.Text>
        <Checkbox checked={pictures} onChange={({ target }) => setPictures(target.checked)}>
          {t("export.pictures")}
        </Checkbox>
        {!pictures && <Typography.Text type="secondary">{t("export.withoutPictures")}</Typography.Text>}
        <Checkbox checked={templates} disabled={!isBuiltin(library)} onChange={({ target }) => setTemplates(target.checked)}>
          {t("export.templates")}
        </Checkbox>
        {templates && <Alert type="warning" showIcon title={t("export.templatesWarning")} />}
        <Alert type="info" showIcon title={t("export.care")} />
        <Button
          type="primary"
          loading={start.isBusy}
          disabled={isUnderWay}
          style={{ alignSelf: "start" }}
          onClick={() => void start.run(undefined)}
        >
          {t("export.start")}
        </Button>
      </Flex>
    </Section>
  );
}
